// Plays every transcript with the native core of one program: node tests/coverage/play-transcripts.js PIPE.
// It ends when all its processes have: by then each has written what of it ran.

import { nativeBuild } from "../transcripts/runner/builds.js";
import { compare, playAll } from "../transcripts/runner/check.js";
import { readTranscript, transcriptFiles } from "../transcripts/runner/files.js";

const [pipe] = process.argv.slice(2);
if (pipe === undefined) throw new Error("which program?");

for (const file of await transcriptFiles()) {
  const document = await readTranscript(file);
  compare(document, await playAll(document, [nativeBuild(pipe)]));
}
