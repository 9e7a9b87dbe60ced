interface View {
  readonly witness: string;
  readonly members: readonly (readonly { readonly id: string; readonly connections: number }[])[];
}

export function presenceProblems(
  plan: {
    readonly channels: readonly string[];
    readonly sessions: readonly {
      readonly name: string;
      readonly token?: string;
      readonly joins: readonly { readonly channel: number }[];
    }[];
  },
  views: readonly View[],
): string[];
