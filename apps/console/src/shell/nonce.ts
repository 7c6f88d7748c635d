'use client';

import { createContext, useContext } from 'react';

/** The page's nonce, for libraries that put style elements into the document. */
export const NonceContext = createContext('');

export function useNonce(): string {
  return useContext(NonceContext);
}
