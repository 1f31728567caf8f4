/** Modules that wrangler bundles as compiled WebAssembly; see "imports" in package.json. */
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
