/** Stands for a package's module that only matters elsewhere: see `alias` in build.mjs. */
export {};
