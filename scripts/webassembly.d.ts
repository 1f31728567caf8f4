/**
 * The part of the WebAssembly API that our code on Node.js uses: neither the language's types nor
 * those of Node.js hold it, and those of browsers would let `document` pass as well.
 */
declare namespace WebAssembly {
  interface ModuleExportDescriptor {
    kind: "function" | "table" | "memory" | "global";
    name: string;
  }
  interface ModuleImportDescriptor extends ModuleExportDescriptor {
    module: string;
  }
  class Module {
    constructor(bytes: BufferSource);
    static imports(module: Module): ModuleImportDescriptor[];
    static exports(module: Module): ModuleExportDescriptor[];
  }
  class Instance {
    constructor(module: Module, imports?: object);
    readonly exports: Record<string, unknown>;
  }
  class Memory {
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class RuntimeError extends Error {}
}
type BufferSource = ArrayBuffer | ArrayBufferView;
