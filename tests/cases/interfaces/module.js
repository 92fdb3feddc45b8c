import React, {useState} from 'react';
import './x.css'
const fs = require("fs");
export * from './all.js';
/** Adds numbers.
 *  More. */
export function add(a, b = 2) { return a + b }
export default class Foo extends Bar {
  /** Makes it. */
  constructor(x) { super(x) }
  #secret() {}
  static async run({a, b}) { }
  count = 0;
}
// Doubles.
export const twice = (x) => x * 2, y = 3;
export const cfg = { a: 1 };
function hidden() {}
function named() {}
export { named, other as renamed };
