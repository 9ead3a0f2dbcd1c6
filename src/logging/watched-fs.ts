/** What fs.WriteStream writes through: it tells when the file is open, which lines have reached it, and whether it is still there. */
import fs from 'node:fs'

type Done = (error: NodeJS.ErrnoException | null, written: number, buffer: Uint8Array) => void

/**
 * For the `fs` option of fs.createWriteStream. There is no `writev`, so what is handed over at once is one write: with O_APPEND,
 * lines of several processes do not mix.
 * @param onOpened called when a file is open to be written, with its path, before anything is written
 * @param onWritten called after each write that has reached the file, with its bytes and whether that was all: a full disk takes a part
 * @returns `write` fails with ENOENT when the file was removed or renamed: it would go where nobody reads
 */
export function createWatchedFs(onOpened: (path: string) => void, onWritten: (bytes: number, whole: boolean) => void) {
  const opened = new Map<number, { path: string; inode: number }>()

  function open(path: string, flags: string, mode: number, done: (error: Error | null, fd?: number) => void): void {
    fs.open(path, flags, mode, (error, fd) => {
      if (error !== null) return done(error)
      fs.fstat(fd, (error, stats) => {
        if (error === null) opened.set(fd, { path, inode: stats.ino })
        onOpened(path)
        done(null, fd)
      })
    })
  }

  function write(fd: number, buffer: Uint8Array, from: number, length: number, _at: unknown, done: Done): void {
    const file = opened.get(fd)
    if (file === undefined) return append()
    fs.stat(file.path, (error, stats) => {
      if (error === null && stats.ino === file.inode) return append()
      done(error ?? Object.assign(new Error('the file was replaced'), { code: 'ENOENT' }), 0, buffer)
    })

    function append(): void {
      fs.write(fd, buffer, from, length, null, (error, written) => {
        if (error === null && length > 0) onWritten(written, written === length)
        done(error, written, buffer)
      })
    }
  }

  function close(fd: number, done: (error: Error | null) => void): void {
    opened.delete(fd)
    fs.close(fd, done)
  }

  return { open, write, close }
}
