/** The assets of one app: what there is, and how files get there and away again. */

import { Clipboard, Dialog, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import { closeIcon, copyIcon, fileUploadIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { addressOf } from './address';
import { Chosen, chosenFiles, droppedFiles } from './dropped';
import * as requests from './requests';
import { App, Asset, Failure, IEngineState, Where } from './tokens';

const AT_ONCE = 3; // uploads that run side by side

interface Props {
  app: App;
  state: IEngineState;
  openPlace: (where: Where) => void;
}

/** Folded it costs nothing: assets are asked for when they are seen. */
export function AssetsSection(props: Props): React.JSX.Element {
  const { app, state } = props;
  const [open, setOpen] = React.useState(false);
  const { assets, failure, reload } = useAssets(app, state, open);
  const { uploads, upload, dismiss } = useUploads(app, reload);
  const drop = useDrop(files => {
    setOpen(true);
    void upload(files);
  });
  return (
    <details
      className="aiwe-Assets"
      data-over={drop.over}
      open={open}
      onToggle={event => setOpen(event.currentTarget.open)}
      {...drop.handlers}
    >
      <summary>
        Assets
        {assets && <span className="aiwe-muted">{assets.length}</span>}
        <UploadButton choose={files => void upload(files).then(() => setOpen(true))} />
      </summary>
      {failure && <Notice failure={failure} />}
      {uploads.map(one => (
        <UploadRow key={one.path} upload={one} dismiss={() => dismiss(one)} />
      ))}
      <ul className="aiwe-Assets-list" aria-label={`Assets of ${app.app}`}>
        {assets?.map(asset => <AssetRow key={asset.path} asset={asset} reload={reload} {...props} />)}
      </ul>
      <p className="aiwe-Assets-hint aiwe-muted">
        {assets?.length === 0 && 'Nothing yet. '}
        Drop files or folders here, keep them in the folder <code>assets</code> beside the notebook, or begin a cell
        with <code>%%asset css/site.css</code>.
      </p>
    </details>
  );
}

function useAssets(app: App, state: IEngineState, open: boolean) {
  const [assets, setAssets] = React.useState<Asset[] | null>(null);
  const [failure, setFailure] = React.useState<Failure | null>(null);
  const reload = React.useCallback(async () => {
    try {
      setAssets(await requests.assets(app.app));
      setFailure(null);
    } catch (error) {
      setFailure(error as Failure);
    }
  }, [app.app]);
  React.useEffect(() => {
    if (!open) {
      return;
    }
    const changed = (_: IEngineState, name: string) => void (name === app.app && reload());
    const seen = () => void reload(); // files of the folder change without a word
    void reload();
    state.assetsChanged.connect(changed);
    window.addEventListener('focus', seen);
    return () => {
      state.assetsChanged.disconnect(changed);
      window.removeEventListener('focus', seen);
    };
  }, [open, reload, state, app.version]);
  return { assets, failure, reload };
}

interface Upload extends Chosen {
  failure?: Failure;
}

function useUploads(app: App, reload: () => Promise<void>) {
  const [uploads, setUploads] = React.useState<Upload[]>([]);
  const dismiss = (upload: Chosen) => setUploads(all => all.filter(one => one.file !== upload.file));
  const fail = (upload: Chosen, failure: Failure) =>
    setUploads(all => all.map(one => (one.file === upload.file ? { ...one, failure } : one)));
  const upload = async (files: Chosen[]) => {
    const paths = new Set(files.map(one => one.path));
    setUploads(all => [...all.filter(one => !paths.has(one.path)), ...files]);
    const waiting = [...files];
    const work = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        try {
          await requests.putAsset(app.app, next.path, next.file);
          await reload();
          dismiss(next);
        } catch (error) {
          fail(next, error as Failure);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  };
  return { uploads, upload, dismiss };
}

function useDrop(take: (files: Chosen[]) => void) {
  const [over, setOver] = React.useState(false);
  const holdsFiles = (event: React.DragEvent) => event.dataTransfer.types.includes('Files');
  const handlers = {
    onDragOver: (event: React.DragEvent) => {
      if (holdsFiles(event)) {
        event.preventDefault();
        event.dataTransfer.dropEffect = 'copy';
        setOver(true);
      }
    },
    onDragLeave: (event: React.DragEvent) => {
      if (!event.currentTarget.contains(event.relatedTarget as Node | null)) {
        setOver(false);
      }
    },
    onDrop: (event: React.DragEvent) => {
      if (holdsFiles(event)) {
        event.preventDefault();
        setOver(false);
        void droppedFiles(event.dataTransfer).then(take);
      }
    }
  };
  return { over, handlers };
}

function UploadButton({ choose }: { choose: (files: Chosen[]) => void }): React.JSX.Element {
  const input = React.useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        className="aiwe-button aiwe-small aiwe-push"
        onClick={event => {
          event.preventDefault(); // the section stays as it is
          input.current?.click();
        }}
      >
        <fileUploadIcon.react tag="span" className="aiwe-buttonIcon" />
        Upload
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        onChange={event => {
          choose(chosenFiles(event.target.files));
          event.target.value = ''; // so that the same file can be chosen again
        }}
      />
    </>
  );
}

function UploadRow({ upload, dismiss }: { upload: Upload; dismiss: () => void }): React.JSX.Element {
  const { path, file, failure } = upload;
  if (!failure) {
    return (
      <p className="aiwe-Upload" role="status">
        <span className="aiwe-Path">{path}</span>
        <span className="aiwe-muted">uploading {sizeOf(file.size)} …</span>
      </p>
    );
  }
  return (
    <div className="aiwe-Notice" data-level="error" role="alert">
      <button className="aiwe-iconButton aiwe-push" onClick={dismiss} title="Dismiss" aria-label="Dismiss">
        <closeIcon.react tag="span" width="14px" height="14px" />
      </button>
      {failure.message.includes(path) || <b>{path}: </b>}
      {failure.message}
      {failure.hint && <p className="aiwe-muted">{failure.hint}</p>}
    </div>
  );
}

function AssetRow(props: Props & { asset: Asset; reload: () => Promise<void> }): React.JSX.Element {
  const { app, asset } = props;
  const address = addressOf(app, `/assets/${asset.path.split('/').map(encodeURIComponent).join('/')}`);
  const about = `${asset.content_type.split(';')[0]}, ${sizeOf(asset.size)}`;
  return (
    <li className="aiwe-Asset">
      <div className="aiwe-Asset-line">
        <a className="aiwe-Path" href={address} target="_blank" rel="noopener" title={`Open ${asset.path}`}>
          {asset.path}
        </a>
        <button
          className="aiwe-iconButton"
          onClick={() => Clipboard.copyToSystem(`/assets/${asset.path}`)}
          title="Copy the path for a page"
          aria-label={`Copy the path of ${asset.path}`}
        >
          <copyIcon.react tag="span" width="14px" height="14px" />
        </button>
        {asset.origin === 'written' && <DeleteButton {...props} />}
      </div>
      <div className="aiwe-Asset-about aiwe-muted">
        {about} · <Origin {...props} />
      </div>
    </li>
  );
}

function Origin({ app, asset, openPlace }: Props & { asset: Asset }): React.JSX.Element {
  if (asset.origin === 'cell') {
    const place = { file: app.path, cell: asset.cell };
    return (
      <button className="aiwe-link" onClick={() => openPlace(place)} title="Go to the cell">
        cell
      </button>
    );
  }
  if (asset.origin === 'folder') {
    return <span title="A file in the folder assets: change it there">folder</span>;
  }
  const hidden = asset.hides.map(origin => (origin === 'cell' ? 'the cell' : 'the file in the folder'));
  return (
    <span title="Uploaded, or written by the app">
      uploaded{hidden.length > 0 && <b> · hides {hidden.join(' and ')}</b>}
    </span>
  );
}

function DeleteButton({ app, asset, reload }: Props & { asset: Asset; reload: () => Promise<void> }): React.JSX.Element {
  const act = async () => {
    const answer = await showDialog({
      title: `Delete ${asset.path}?`,
      body: asset.hides.length
        ? 'What it hides is served again.'
        : `Pages of ${app.app} that use it will not find it any more.`,
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: 'Delete' })]
    });
    if (answer.button.accept) {
      await requests.deleteAsset(app.app, asset.path).catch(error => showErrorMessage('Not deleted', error as Error));
      await reload();
    }
  };
  return (
    <button
      className="aiwe-iconButton"
      onClick={() => void act()}
      title="Delete"
      aria-label={`Delete ${asset.path}`}
    >
      <closeIcon.react tag="span" width="14px" height="14px" />
    </button>
  );
}

function Notice({ failure }: { failure: Failure }): React.JSX.Element {
  return (
    <div className="aiwe-Notice" data-level="error" role="alert">
      {failure.message}
      {failure.hint && <p className="aiwe-muted">{failure.hint}</p>}
    </div>
  );
}

function sizeOf(bytes: number): string {
  if (bytes < 1024) {
    return `${bytes} B`;
  }
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
