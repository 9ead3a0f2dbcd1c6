/** Reads the files that TLS settings name. */
import type { TlsFiles } from '../config.ts'

export interface TlsMaterial {
  ca?: Buffer
  /** Our own certificate and its key: both or neither. */
  cert?: Buffer
  key?: Buffer
}

/**
 * @param service the settings' first word, as in `KAFKA_TLS_CA_FILE`
 * @returns the files' contents, PEM; empty when no files are set, so that the system's authorities count
 * @throws Error that names the setting whose file cannot be read
 */
export function readTlsFiles(
  { caFile, certFile, keyFile }: TlsFiles,
  service: 'KAFKA' | 'REDIS',
  readFile: (path: string) => Buffer,
): TlsMaterial {
  const read = (kind: 'CA' | 'CERT' | 'KEY', path: string) => {
    try {
      return readFile(path)
    } catch (error) {
      throw new Error(`${service}_TLS_${kind}_FILE cannot be read`, { cause: error })
    }
  }
  return {
    ...(caFile === null ? {} : { ca: read('CA', caFile) }),
    ...(certFile === null || keyFile === null ? {} : { cert: read('CERT', certFile), key: read('KEY', keyFile) }),
  }
}
