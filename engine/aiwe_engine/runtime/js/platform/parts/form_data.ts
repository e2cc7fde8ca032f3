/** FormData: names with texts and files. */
const { idl, iterable, need } = __I.webidl as typeof import("../webidl");

export type Entry = [name: string, value: any];

let entriesIn: (form: FormData) => Entry[];

const wellFormed = (text: unknown): string => `${text as string}`.toWellFormed();

/** A text stays one; a Blob becomes a File with a name. */
function makeEntry(name: unknown, value: unknown, filename: unknown, named: boolean, what: string): Entry {
  const key = wellFormed(name);
  if (!__I.load("blob").isBlob(value)) {
    if (named) throw new TypeError(`${what}: only a Blob or a File takes a file name.`);
    return [key, wellFormed(value)];
  }
  const blob = value as any;
  const { File } = __I;
  if (blob instanceof File && !named) return [key, blob];
  const options = { type: blob.type, lastModified: blob instanceof File ? (blob as any).lastModified : Date.now() };
  return [key, new File([blob], named ? wellFormed(filename) : blob instanceof File ? (blob as any).name : "blob", options)];
}

export class FormData {
  #entries: Entry[] = [];
  static { entriesIn = (form) => form.#entries; }

  constructor(form?: unknown) {
    if (form !== undefined) throw new TypeError("new FormData takes nothing: there are no form elements here. Use append.");
  }

  append(name: string, value: unknown, filename?: string): void {
    need(arguments.length, 2, "formData.append");
    this.#entries.push(makeEntry(name, value, filename, arguments.length > 2 && filename !== undefined, "formData.append"));
  }

  delete(name: string): void {
    need(arguments.length, 1, "formData.delete");
    const key = wellFormed(name);
    this.#entries = this.#entries.filter((entry) => entry[0] !== key);
  }

  get(name: string): any {
    need(arguments.length, 1, "formData.get");
    const key = wellFormed(name);
    return this.#entries.find((entry) => entry[0] === key)?.[1] ?? null;
  }

  getAll(name: string): any[] {
    need(arguments.length, 1, "formData.getAll");
    const key = wellFormed(name);
    return this.#entries.filter((entry) => entry[0] === key).map((entry) => entry[1]);
  }

  has(name: string): boolean {
    need(arguments.length, 1, "formData.has");
    const key = wellFormed(name);
    return this.#entries.some((entry) => entry[0] === key);
  }

  set(name: string, value: unknown, filename?: string): void {
    need(arguments.length, 2, "formData.set");
    const entry = makeEntry(name, value, filename, arguments.length > 2 && filename !== undefined, "formData.set");
    const first = this.#entries.findIndex((other) => other[0] === entry[0]);
    if (first < 0) this.#entries.push(entry);
    else this.#entries = this.#entries.flatMap((other, at) => (at === first ? [entry] : other[0] === entry[0] ? [] : [other]));
  }

  declare [Symbol.iterator]: () => IterableIterator<Entry>;
}
idl(FormData, "FormData");
iterable(FormData, "FormData", (form) => entriesIn(form));
Object.defineProperty(FormData.prototype, __I.shown, {
  value(this: FormData) { return Object.fromEntries(entriesIn(this)); },
});

export function makeFormData(entries: Entry[]): FormData {
  const form = new FormData();
  entriesIn(form).push(...entries);
  return form;
}
export const entriesOf = (form: FormData): readonly Entry[] => entriesIn(form);
