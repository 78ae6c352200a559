//! Modules and components that no compiler would leave.

use crate::guest::{load, module};

const IMPORT_SECTION: u8 = 2;
const TABLE_SECTION: u8 = 4;
const EXPORT_SECTION: u8 = 7;
const START_SECTION: u8 = 8;
const ELEMENT_SECTION: u8 = 9;
const CODE_SECTION: u8 = 10;
/// Of a component.
const CORE_MODULE_SECTION: u8 = 1;
const CORE_INSTANCE_SECTION: u8 = 2;

/// A core module with nothing in it.
pub(crate) const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

/// A core module with a linear memory of one page.
pub(crate) const ONE_PAGE: &[u8] = b"\0asm\x01\0\0\0\x05\x03\x01\0\x01";

/// A core module with a table of one element.
pub(crate) const ONE_TABLE: &[u8] = b"\0asm\x01\0\0\0\x04\x04\x01\x70\0\x01";

/// The hostile component with more core instances, of `core_module`.
pub(crate) fn with_core_instances(instances: usize, core_module: &[u8]) -> Vec<u8> {
    let mut component = load(module()).unwrap().bytes().to_vec();
    let modules = |(id, _): &(u8, Vec<u8>)| *id == CORE_MODULE_SECTION;
    let index = sections(&component).into_iter().filter(modules).count();
    let mut instantiated = Vec::new();
    push_leb(&mut instantiated, instances);
    for _ in 0..instances {
        instantiated.push(0);
        push_leb(&mut instantiated, index);
        push_leb(&mut instantiated, 0);
    }
    for (id, content) in [
        (CORE_MODULE_SECTION, core_module),
        (CORE_INSTANCE_SECTION, &instantiated),
    ] {
        component.push(id);
        push_leb(&mut component, content.len());
        component.extend(content);
    }
    component
}

/// The hostile component with one more core module, which nobody instantiates: a function of so
/// many locals, all of them changed in the innermost of so many loops.
pub(crate) fn with_function_of(locals: usize, loops: usize) -> Vec<u8> {
    const BLOCK_WITHOUT_RESULT: u8 = 0x40;
    let mut body = vec![1];
    push_leb(&mut body, locals);
    body.push(0x7f);
    for _ in 0..loops {
        body.extend([0x03, BLOCK_WITHOUT_RESULT]);
    }
    for local in 0..locals {
        // local.get, i32.const 1, i32.add, local.set.
        body.push(0x20);
        push_leb(&mut body, local);
        body.extend([0x41, 1, 0x6a, 0x21]);
        push_leb(&mut body, local);
    }
    for _ in 0..loops {
        // local.get 0, br_if to the loop, end.
        body.extend([0x20, 0, 0x0d, 0, 0x0b]);
    }
    body.push(0x0b);
    let mut code = vec![1];
    push_leb(&mut code, body.len());
    code.extend(body);
    let bomb = assemble(&[
        (1, vec![1, 0x60, 0, 0]),
        (3, vec![1, 0]),
        (CODE_SECTION, code),
    ]);
    with_core_instances(0, &bomb)
}

/// The hostile module with one of its exported functions as its start function.
pub(crate) fn with_start_function(name: &str) -> Vec<u8> {
    let sections = sections(module());
    let (_, exports) = sections
        .iter()
        .find(|(id, _)| *id == EXPORT_SECTION)
        .unwrap();
    let mut start = Vec::new();
    push_leb(&mut start, exported_function(exports, name));
    let at = sections
        .iter()
        .position(|(id, _)| *id >= ELEMENT_SECTION)
        .unwrap();
    let mut with_start = sections;
    with_start.insert(at, (START_SECTION, start));
    assemble(&with_start)
}

/// The hostile module with a table of `elements` elements.
pub(crate) fn with_table_of(elements: usize) -> Vec<u8> {
    assemble(&with_table(sections(module()), elements))
}

/// The hostile module with a table of `elements` elements, and `grow_table` as it says.
pub(crate) fn with_growing_table_of(elements: usize) -> Vec<u8> {
    // No locals; ref.null func, local.get 0, table.grow 0, end.
    const GROW: &[u8] = &[0, 0xd0, 0x70, 0x20, 0, 0xfc, 15, 0, 0x0b];
    let mut sections = with_table(sections(module()), elements);
    let section = |wanted: u8| sections.iter().position(|(id, _)| *id == wanted).unwrap();
    let (imports, code) = (section(IMPORT_SECTION), section(CODE_SECTION));
    // All that it imports are functions.
    let imported = take_leb(&mut &sections[imports].1[..]);
    let function = exported_function(&sections[section(EXPORT_SECTION)].1, "grow_table");
    sections[code].1 = with_body(&sections[code].1, function - imported, GROW);
    assemble(&sections)
}

/// A table without a maximum, where the compiler left one that cannot grow.
fn with_table(mut sections: Vec<(u8, Vec<u8>)>, elements: usize) -> Vec<(u8, Vec<u8>)> {
    let mut table = vec![1, 0x70, 0];
    push_leb(&mut table, elements);
    sections
        .iter_mut()
        .find(|(id, _)| *id == TABLE_SECTION)
        .unwrap()
        .1 = table;
    sections
}

/// A code section with another body at `index`.
fn with_body(mut code: &[u8], index: usize, body: &[u8]) -> Vec<u8> {
    let bodies = take_leb(&mut code);
    let mut patched = Vec::new();
    push_leb(&mut patched, bodies);
    for i in 0..bodies {
        let size = take_leb(&mut code);
        let (old, rest) = code.split_at(size);
        code = rest;
        let new = if i == index { body } else { old };
        push_leb(&mut patched, new.len());
        patched.extend(new);
    }
    patched
}

/// A module that imports `name` from `module` and exports nothing.
pub(crate) fn importing_module(module: &str, name: &str) -> Vec<u8> {
    let function_type = (1, vec![1, 0x60, 0, 0]);
    let mut import = vec![1];
    push_name(&mut import, module);
    push_name(&mut import, name);
    import.extend([0, 0]);
    assemble(&[function_type, (2, import)])
}

fn sections(module: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut rest = &module[8..];
    let mut sections = Vec::new();
    while let [id, tail @ ..] = rest {
        rest = tail;
        let size = take_leb(&mut rest);
        let (content, tail) = rest.split_at(size);
        sections.push((*id, content.to_vec()));
        rest = tail;
    }
    sections
}

fn assemble(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    for (id, content) in sections {
        module.push(*id);
        push_leb(&mut module, content.len());
        module.extend(content);
    }
    module
}

fn exported_function(mut exports: &[u8], wanted: &str) -> usize {
    for _ in 0..take_leb(&mut exports) {
        let length = take_leb(&mut exports);
        let (name, rest) = exports.split_at(length);
        exports = &rest[1..];
        let index = take_leb(&mut exports);
        if name == wanted.as_bytes() {
            return index;
        }
    }
    panic!("no export {wanted}");
}

fn push_name(bytes: &mut Vec<u8>, name: &str) {
    push_leb(bytes, name.len());
    bytes.extend(name.as_bytes());
}

fn push_leb(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take_leb(bytes: &mut &[u8]) -> usize {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}
