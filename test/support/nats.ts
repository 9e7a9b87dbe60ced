export const startNats = (): Promise<{url: string}> => Promise.reject(new Error("x")); export const startNatsCluster = startNats;
