import { defineConfig } from 'vite';
import { viteSingleFile } from 'vite-plugin-singlefile';

export default defineConfig({
  logLevel: 'warn',
  plugins: [viteSingleFile({ removeViteModuleLoader: true })],
  build: { target: ['chrome123', 'firefox120', 'safari17.5'], cssMinify: true, reportCompressedSize: false, outDir: 'dist/page' },
});
