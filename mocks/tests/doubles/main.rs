//! Practice systems before doubles of SDS and PDS that answer what they should not.

#![cfg(test)]

mod answers;
mod requesting;
mod sending;
