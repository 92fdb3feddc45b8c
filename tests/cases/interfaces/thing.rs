//! Crate doc
use std::collections::HashMap;
use crate::store::{Store, Item};
mod util;
/// A thing.
#[derive(Debug)]
pub struct Thing<T> { pub name: String, secret: T }
pub struct Pair(pub i32, i32);
/// Kinds.
pub enum Kind { A, B(i32), C { x: i32 } }
pub trait Go { type Out;
 /// Goes.
 fn go(&self) -> Self::Out; fn d(&self) {} }
impl<T> Thing<T> { /// New.
 pub fn new(name: String) -> Self { todo!() }
 fn hid(&self) {} }
impl<T> Go for Thing<T> { fn go(&self) {} }
pub const MAX: usize = 10;
pub(crate) async fn run<F: Fn()>(f: F) -> Result<(), E> where F: Send { Ok(()) }
fn hidden() {}
pub mod inner { pub fn deep() {} }
pub type R = Result<(), E>;
