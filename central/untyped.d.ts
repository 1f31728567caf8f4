/** What is used of packages that bring no types. */

declare module "aws4" {
  interface SignerRequest {
    service: string;
    region: string;
    method: string;
    path: string;
    headers: Record<string, string>;
    body: Buffer;
    doNotModifyHeaders: boolean;
    extraHeadersToInclude: Record<string, boolean>;
  }
  class RequestSigner {
    constructor(
      request: SignerRequest,
      credentials: { accessKeyId: string; secretAccessKey: string },
    );
    datetime: string;
    signature(): string;
  }
  const aws4: { RequestSigner: typeof RequestSigner };
  export default aws4;
}

declare module "dynalite" {
  interface Options {
    path?: string;
    createTableMs?: number;
    maxItemSizeKb?: number;
  }
  export default function dynalite(options: Options): import("node:http").Server;
}
