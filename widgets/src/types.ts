// What a recording looks like to the front end: the closed set of events, versions 1 and 2.

export type Shape = readonly number[];
export type Num = number | "NaN" | "Infinity" | "-Infinity";
export type Nested = Num | boolean | readonly Nested[];

/** A value is whole when it is small, and summarised when it is not. */
export interface Value {
  readonly shape: Shape;
  readonly dtype: string;
  readonly data?: Nested;
  readonly min?: Num;
  readonly max?: Num;
  readonly mean?: Num;
  readonly std?: Num;
  readonly nan?: number;
  readonly inf?: number;
  readonly histogram?: { readonly counts: readonly number[]; readonly edges: readonly Num[] };
  readonly corner?: Nested;
}

export type Kind = "leaf" | "parameter" | "constant" | "placeholder" | "operation";

export interface Input {
  readonly edge: number;
  readonly node: number;
  readonly arg: string;
}

export interface Send extends Input {
  readonly value: Value;
}

export interface Saved {
  readonly what: string;
  readonly node: number;
  readonly version?: number;
}

export interface Place {
  readonly file: string;
  readonly line: number;
}

interface Common {
  readonly seq: number;
  readonly node: number | null;
  readonly source: Place | null;
  readonly module: string;
  readonly device?: string;
  readonly bytes?: number;
}

export interface Define extends Common {
  readonly type: "define";
  readonly node: number;
  readonly op: string;
  readonly kind: Kind;
  readonly name: string | null;
  readonly label: string;
  readonly inputs: readonly Input[];
  readonly requires_grad: boolean;
  readonly shape: Shape;
  readonly dtype: string;
  /** The block of memory that holds the value, shared by views and by what is written over it. */
  readonly memory?: number;
  /** The result was written into memory that held another value before. */
  readonly in_place?: boolean;
  /** An input requires a gradient, but recording was off. */
  readonly no_grad?: boolean;
  /** Its line in the listing of a graph that runs later. */
  readonly listing?: string;
  /** The dims whose size only a run will know. */
  readonly unknown?: readonly number[];
  readonly forward: string;
  readonly rules: Readonly<Record<string, string>>;
}
export interface Execute extends Common {
  readonly type: "execute";
  readonly node: number;
  readonly value: Value;
}
/** A value given from outside (static graphs). */
export interface Feed extends Common {
  readonly type: "feed";
  readonly node: number;
  readonly value: Value;
}
export interface Save extends Common {
  readonly type: "save";
  readonly node: number;
  readonly saved: readonly Saved[];
}
export interface Backward extends Common {
  readonly type: "backward";
  readonly node: number;
  readonly grad: Value;
  readonly sends: readonly Send[];
}
export interface Accumulate extends Common {
  readonly type: "accumulate";
  readonly node: number;
  readonly edge: number | null;
  readonly added: Value;
  readonly value: Value;
  readonly before?: Value;
  readonly count: number;
  readonly into: "node" | "grad";
}
export interface Free extends Common {
  readonly type: "free";
  readonly node: number;
}
export interface Update extends Common {
  readonly type: "update";
  readonly node: number;
  readonly optimizer: string;
  readonly before: Value;
  readonly value: Value;
  readonly grad: Value | null;
}
export interface TrainingStep extends Common {
  readonly type: "step";
  readonly metrics: Readonly<Record<string, Num>>;
}
/** A graph begins to run: what is fed, and what is asked for. */
export interface RunEvent extends Common {
  readonly type: "run";
  readonly node: null;
  readonly feeds: readonly number[];
  readonly fetches: readonly number[];
}
/** A run ends: this value is handed to Python. */
export interface FetchEvent extends Common {
  readonly type: "fetch";
  readonly node: number;
  readonly value: Value;
}
/** Python printed something. */
export interface PrintEvent extends Common {
  readonly type: "print";
  readonly text: string;
}
/** Something was refused or broke. */
export interface Failure extends Common {
  readonly type: "error";
  readonly error: string;
  readonly text: string;
}
/** What compilers and devices tell, which these widgets let pass. */
export interface Aside extends Common {
  readonly type: "rewrite" | "trace" | "guard" | "launch" | "transfer";
}

export type Event =
  | Define
  | Execute
  | Feed
  | Save
  | Backward
  | Accumulate
  | Free
  | Update
  | TrainingStep
  | RunEvent
  | FetchEvent
  | PrintEvent
  | Failure
  | Aside;

export interface Source {
  readonly name: string;
  readonly first: number;
  readonly lines: readonly string[];
}

export interface Recording {
  readonly format: string;
  readonly version: number;
  readonly meta: Readonly<Record<string, string>>;
  readonly sources: Readonly<Record<string, Source>>;
  readonly events: readonly Event[];
}

/** Node positions made by Graphviz in Python: [node key, x, y]; edges: [edge key, x0, y0, x1, y1, …]. */
export interface SentLayout {
  readonly width: number;
  readonly height: number;
  readonly nodes: Readonly<Record<string, readonly [number, number]>>;
  readonly edges: Readonly<Record<string, readonly number[]>>;
}
