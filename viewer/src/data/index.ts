// The page's data layer, for its tests in node.

export * from './bytes';
export * from './columns';
export * from './filter';
export * from './history';
export * from './load';
export * from './run';
export * from './state';
export * from './steps';
export * from './story';
export * from './stretches';
export * from './text';
