/** Height of the bar that stands before everything, in pixels: in narrow windows it has two rows (style.css). */
export const barHeight = (): number => document.querySelector(".top-bar")?.getBoundingClientRect().height ?? 0;
