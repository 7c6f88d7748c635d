declare module 'fs-native-extensions' {
  /** True when the exclusive lock on the open file was granted; it ends with the descriptor or the process. */
  export function tryLock(fd: number): boolean;
}
