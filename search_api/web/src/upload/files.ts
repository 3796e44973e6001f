// Files that a person dropped or chose, with the folders they came in.

export interface Chosen {
  file: File;
  /** Below what was dropped: "Summer/IMG_1.jpg". */
  path: string;
}

export interface Choice {
  files: Chosen[];
  /** Files that Loupe does not keep. */
  leftOut: number;
}

const NOT_KEPT = /^(video|audio)\//;

export function choice(all: Chosen[]): Choice {
  const files = all.filter(({ file, path }) => !NOT_KEPT.test(file.type) && !nameOf(path).startsWith("."));
  return { files, leftOut: all.length - files.length };
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Of an <input type=file>; a chosen folder tells the paths below it. */
export const ofInput = (files: FileList | null): Choice =>
  choice([...(files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name })));

/** Of a drop: files, and all that is in folders. To be called within the event. */
export async function ofDrop(transfer: DataTransfer): Promise<Choice> {
  const items = [...transfer.items].map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  const found: Chosen[] = [];
  for (const item of items) {
    if (item instanceof File) found.push({ file: item, path: item.name });
    else if (item) await gather(item, found);
  }
  return choice(found);
}

async function gather(entry: FileSystemEntry, found: Chosen[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    found.push({ file, path: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A folder tells its entries a hundred at a time.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    for (const each of some) await gather(each, found);
  }
}

/** Requests of a size that can be sent again: so many files, so many bytes. A photo and its sidecars stay together. */
export function batched(files: Chosen[], mostFiles = 20, mostBytes = 64e6): Chosen[][] {
  const batches: Chosen[][] = [];
  let bytes = 0;
  for (const group of together(files)) {
    const size = group.reduce((sum, { file }) => sum + file.size, 0);
    const last = batches.at(-1);
    if (last && last.length + group.length <= mostFiles && bytes + size <= mostBytes) {
      last.push(...group);
      bytes += size;
    } else {
      batches.push(group);
      bytes = size;
    }
  }
  return batches;
}

/** Files of one name but for their endings, "a.jpg", "a.xmp", "a.jpg.more.json": a sidecar is its photo's by name. */
function together(files: Chosen[]): Chosen[][] {
  const there = new Set(files.map(({ path }) => path));
  const groups = new Map<string, Chosen[]>();
  for (const each of files) {
    let photo = withoutEnding(each.path);
    while (!there.has(photo) && photo !== withoutEnding(photo)) photo = withoutEnding(photo);
    const name = withoutEnding(there.has(photo) ? photo : each.path).toLowerCase();
    const group = groups.get(name);
    if (group) group.push(each);
    else groups.set(name, [each]);
  }
  return [...groups.values()];
}

const withoutEnding = (path: string): string => path.replace(/(?<=[^/])\.[^./]*$/, "");
