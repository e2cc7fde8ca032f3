/** Files that a person dropped or chose, with the paths they have below what was dropped. */

export interface Chosen {
  path: string;
  file: File;
}

/** Hidden files, such as .DS_Store, are left out: nobody means to upload them. */
const isHidden = (path: string) => path.split('/').some(part => part.startsWith('.'));

/** What was chosen in a file dialog. */
export function chosenFiles(list: FileList | null): Chosen[] {
  return Array.from(list ?? []).map(file => ({ path: file.name, file }));
}

/** What was dropped; a folder is its files. To be called before the event is over. */
export async function droppedFiles(data: DataTransfer): Promise<Chosen[]> {
  const found = await Promise.all(Array.from(data.items).map(filesOfItem));
  return found.flat().filter(({ path }) => !isHidden(path));
}

async function filesOfItem(item: DataTransferItem): Promise<Chosen[]> {
  const entry = item.webkitGetAsEntry();
  if (entry) {
    return filesOf(entry, '');
  }
  const file = item.getAsFile(); // of a page or an application, not of a disk
  return file ? [{ path: file.name, file }] : [];
}

async function filesOf(entry: FileSystemEntry, above: string): Promise<Chosen[]> {
  const path = above + entry.name;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path, file }];
  }
  const children: FileSystemEntry[] = [];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A browser gives a large folder in parts, and then an empty one.
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!part.length) {
      break;
    }
    children.push(...part);
  }
  return (await Promise.all(children.map(child => filesOf(child, `${path}/`)))).flat();
}
