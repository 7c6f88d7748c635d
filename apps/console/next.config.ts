import { fileURLToPath } from 'node:url';
import type { NextConfig } from 'next';

const config: NextConfig = {
  poweredByHeader: false,
  devIndicators: false,
  reactStrictMode: true,
  // Types are checked by `pnpm check`, over the whole workspace.
  typescript: { ignoreBuildErrors: true },
  turbopack: { root: fileURLToPath(new URL('../..', import.meta.url)) },
  experimental: { optimizePackageImports: ['radix-ui', 'lucide-react'] },
};

export default config;
