export const startKafka = (): Promise<{url: string}> => Promise.reject(new Error("x"));
