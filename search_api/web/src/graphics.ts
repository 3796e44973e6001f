/** Whether this browser can paint with WebGL 2, as both maps do. Its contexts are few: the one that is tried is given back. */
export function canPaint(): boolean {
  const context = document.createElement("canvas").getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
}
