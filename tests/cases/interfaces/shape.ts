import type { A } from "./a";
/** A shape. */
export interface Shape<T> extends Base { area(): number; readonly name: string; [key: string]: unknown }
export type Id = string | { a: number };
export enum Color { Red, Green = "g" }
export abstract class C<T> implements D {
  private x = 1;
  protected y: number;
  constructor(private readonly a: A, public b?: string) { }
  abstract go(): void;
  @dec() get v(): number { return 1 }
}
export async function f<T>(a: T, b?: number): Promise<T> { return a }
export const g = (o: {a: number}): void => {};
declare function h(x: string): void;
export namespace N { export function q(): void {} }
function hid() {}
