/** Where a collection is shown. */
export const pageOf = (name: string) => `/collections/${encodeURIComponent(name)}`;
