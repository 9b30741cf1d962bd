//! The source as rules about it see it: which file names which item of which other file. Knows Rust's paths and `use`
//! trees, not its types: a method called on a value names nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::rust_tokens::{code_alone, tokens, without_tests};

/// Which code counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tests {
    /// What is compiled for tests only is read like the rest.
    Read,
    /// What is compiled for tests only is left out: it may name whatever it tests.
    LeftOut,
}

/// Where one file names something of another.
pub type Names = BTreeMap<(String, String), BTreeSet<String>>;

/// A tree of source files that make up one crate.
pub struct Sources {
    /// Each file by its module's path; the root's is empty.
    files: BTreeMap<Vec<String>, File>,
}

struct File {
    /// Within the tree, such as `stack/guard/mod.rs`.
    name: String,
    imports: Vec<Import>,
    paths: Vec<Named>,
    items: BTreeSet<String>,
}

/// One name that a `use` brings in.
struct Import {
    path: Vec<String>,
    alias: String,
    is_public: bool,
}

/// One path, as it is written.
struct Named {
    path: Vec<String>,
    /// Whether it stands in a `const` or `static`, where folders keep their tables.
    in_table: bool,
}

/// Every Rust file under a folder.
pub fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

impl Sources {
    /// Reads this crate's own.
    pub fn of_this_crate(tests: Tests) -> Self {
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
        let files = rust_files(&root).into_iter().map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        });
        Self::new(files, tests)
    }

    /// Reads files from their names within the tree and their texts.
    pub fn new(files: impl IntoIterator<Item = (String, String)>, tests: Tests) -> Self {
        let mut test_modules = Vec::new();
        let mut read = BTreeMap::new();
        for (name, text) in files {
            let module = module_of(&name);
            let mut code = tokens(&code_alone(&text));
            if tests == Tests::LeftOut {
                let left_out = without_tests(&mut code);
                test_modules.extend(left_out.into_iter().map(|child| joined(&module, &[child])));
            }
            read.insert(module, File::read(name, &code));
        }
        read.retain(|module, _| !test_modules.iter().any(|tests| module.starts_with(tests)));
        Self { files: read }
    }

    /// Which file names what of which other one, each name followed to the file that defines it. A folder's `mod.rs`
    /// names none of its own files by declaring them, handing their items on, or listing them in a table.
    pub fn edges(&self) -> Names {
        let mut edges = Names::new();
        for (module, file) in &self.files {
            let paths = self.counted(module, file);
            let named = paths.iter().filter_map(|path| self.follow(module, path, 0));
            for (target, item) in named.filter(|(target, _)| target.name != file.name) {
                let ends = (file.name.clone(), target.name.clone());
                edges.entry(ends).or_default().insert(item);
            }
        }
        edges
    }

    /// Every path that a file names within the crate, from the crate's root on, as it is written there.
    pub fn named(&self, file: &str) -> BTreeSet<String> {
        let module = module_of(file);
        let Some(file) = self.files.get(&module) else { return BTreeSet::new() };
        let imports = file.imports.iter().map(|import| &import.path);
        let paths = imports.chain(file.paths.iter().map(|named| &named.path));
        let absolute = paths.filter(|path| matches!(path[0].as_str(), "crate" | "super"));
        let absolute = absolute.filter_map(|path| absolute_in(&module, path));
        absolute.filter(|path| !path.is_empty()).map(|path| path.join("::")).collect()
    }

    /// Where a file names a neighbour, one in its own folder, from the crate's root on.
    pub fn long_ways(&self) -> Vec<String> {
        let long = self.files.iter().flat_map(|(module, file)| {
            let folder = if file.name.ends_with("mod.rs") {
                module
            } else {
                &module[..module.len().saturating_sub(1)]
            };
            let imports = file.imports.iter().map(|import| &import.path);
            let paths = imports.chain(file.paths.iter().map(|named| &named.path));
            let long = paths.filter(move |path| {
                let within = path.strip_prefix(&["crate".to_owned()][..]);
                !folder.is_empty() && within.is_some_and(|path| path.starts_with(folder))
            });
            long.map(|path| format!("{} names {}", file.name, path.join("::")))
        });
        long.collect()
    }

    pub fn file_names(&self) -> impl Iterator<Item = &str> {
        self.files.values().map(|file| file.name.as_str())
    }

    /// The paths of a file that count as naming what they lead to.
    fn counted(&self, module: &[String], file: &File) -> Vec<Vec<String>> {
        let is_own = |path: &[String]| {
            let target = self.follow(module, path, 0).map(|(target, _)| module_of(&target.name));
            file.name.ends_with("mod.rs") && target.is_some_and(|target| target.starts_with(module))
        };
        let imports = file.imports.iter().filter(|import| {
            let mut used =
                file.paths.iter().filter(|named| named.path[0] == import.alias).peekable();
            // One that is named nowhere, and is not handed on, brings in a trait's methods.
            let brings_methods = !import.is_public && used.peek().is_none();
            !is_own(&import.path) || brings_methods || used.any(|named| !named.in_table)
        });
        let paths = file
            .paths
            .iter()
            .filter(|named| named.path.len() > 1 && !(named.in_table && is_own(&named.path)))
            .map(|named| named.path.clone());
        imports.map(|import| import.path.clone()).chain(paths).collect()
    }

    /// The file that defines what `path` names as seen from `module`, and the item's name. A path that ends at a
    /// module names nothing of it yet.
    fn follow(&self, module: &[String], path: &[String], hops: usize) -> Option<(&File, String)> {
        const HOPS_MAX: usize = 16;
        let file = self.files.get(module).filter(|_| hops < HOPS_MAX)?;
        let (first, rest) = path.split_first()?;
        if matches!(first.as_str(), "crate" | "self" | "super") {
            return self.find(&absolute_in(module, path)?, hops);
        }
        let mut imports = file.imports.iter().filter(|import| import.path != path);
        if let Some(import) = imports.find(|import| import.alias == *first) {
            return self.follow(module, &joined(&import.path, rest), hops + 1);
        }
        let child = joined(module, std::slice::from_ref(first));
        if self.files.contains_key(&child) {
            return self.find(&joined(&child, rest), hops);
        }
        file.items.contains(first).then(|| (file, first.clone()))
    }

    /// The same for a path from the crate's root.
    fn find(&self, path: &[String], hops: usize) -> Option<(&File, String)> {
        let depth = (0..=path.len()).rev().find(|len| self.files.contains_key(&path[..*len]))?;
        let (module, rest) = path.split_at(depth);
        let item = rest.first()?;
        let file = &self.files[module];
        if item == "*" {
            return Some((file, "*".to_owned()));
        }
        if file.items.contains(item) {
            return Some((file, item.clone()));
        }
        if file.imports.iter().any(|import| import.alias == *item) {
            return self.follow(module, rest, hops + 1);
        }
        let mut globs = file.imports.iter().filter(|import| import.alias == "*");
        let found = globs.find_map(|glob| {
            let (_, prefix) = glob.path.split_last()?;
            self.follow(module, &joined(prefix, rest), hops + 1)
        });
        found.or_else(|| Some((file, item.clone())))
    }
}

impl Import {
    /// The same as it would be written outside the modules that stand around it within its file, `depth` of them.
    fn outside(self, depth: usize) -> Self {
        Self { path: outside(self.path, depth), ..self }
    }
}

impl File {
    fn read(name: String, code: &[String]) -> Self {
        let mut file =
            Self { name, imports: Vec::new(), paths: Vec::new(), items: BTreeSet::new() };
        // Where each module within the file, and each table, began, in open braces.
        let (mut modules, mut table) = (Vec::new(), None);
        let (mut braces, mut at) = (0_usize, 0);
        while at < code.len() {
            let word = code[at].as_str();
            let before = if at == 0 { "" } else { code[at - 1].as_str() };
            let next = code.get(at + 1).map_or("", String::as_str);
            let after_next = code.get(at + 2).map_or("", String::as_str);
            match word {
                "{" => braces += 1,
                "}" => {
                    braces = braces.saturating_sub(1);
                    modules.retain(|outside| *outside < braces);
                }
                ";" if table == Some(braces) => table = None,
                "mod" if after_next == "{" => modules.push(braces),
                "const" | "static" if after_next == ":" && !matches!(before, "<" | ",") => {
                    table = Some(braces);
                }
                "use" if next != "<" => {
                    let end = at + code[at..].iter().position(|token| token == ";").unwrap();
                    let is_public = matches!(before, "pub" | ")");
                    let imports = read_use(&code[at + 1..end], &[], is_public).into_iter();
                    file.imports.extend(imports.map(|import| import.outside(modules.len())));
                    at = end;
                }
                _ if is_name(word) && !matches!(before, "." | "::" | "'" | "mod") => {
                    let path = path_at(&code[at..]);
                    at += 2 * (path.len() - 1);
                    let (path, in_table) = (outside(path, modules.len()), table.is_some());
                    file.paths.push(Named { path, in_table });
                }
                _ => {}
            }
            if defines(word) && is_name(next) {
                file.items.insert(next.to_owned());
            }
            at += 1;
        }
        file
    }
}

/// `stack/guard/mod.rs` is `stack::guard`.
fn module_of(name: &str) -> Vec<String> {
    let mut parts: Vec<String> =
        name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| matches!(last.as_str(), "mod" | "main")) {
        parts.pop();
    }
    parts
}

fn joined(front: &[String], back: &[String]) -> Vec<String> {
    [front, back].concat()
}

/// A path that begins with `crate`, `self` or `super`, from the crate's root on.
fn absolute_in(module: &[String], path: &[String]) -> Option<Vec<String>> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    let (base, rest) = match path.first()?.as_str() {
        "crate" => (&module[..0], &path[1..]),
        "self" => (module, &path[1..]),
        _ => (&module[..module.len().checked_sub(ups)?], &path[ups..]),
    };
    Some(joined(base, rest))
}

/// A path as it would be written outside the modules that stand around it within its file, `depth` of them.
fn outside(path: Vec<String>, depth: usize) -> Vec<String> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    match path.len() {
        _ if ups == 0 || depth == 0 => path,
        _ if ups > depth => path[depth..].to_vec(),
        _ => joined(&["self".to_owned()], &path[ups..]),
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Whether the word after this one is a definition's name.
fn defines(word: &str) -> bool {
    const WORDS: [&str; 9] =
        ["fn", "struct", "enum", "trait", "type", "const", "static", "union", "macro_rules"];
    WORDS.contains(&word)
}

/// The path that begins with the first token.
fn path_at(code: &[String]) -> Vec<String> {
    let mut path = vec![code[0].clone()];
    let mut rest = &code[1..];
    while let [colons, name, further @ ..] = rest {
        if colons != "::" || !is_name(name) {
            break;
        }
        path.push(name.clone());
        rest = further;
    }
    path
}

/// Takes a `use` tree apart: `a::{b, c::{self, d as e}}` is `a::b`, `a::c` and `a::c::d`.
fn read_use(tree: &[String], prefix: &[String], is_public: bool) -> Vec<Import> {
    let names: Vec<String> =
        tree.iter().take_while(|token| !matches!(token.as_str(), "{" | "as")).cloned().collect();
    let rest = &tree[names.len()..];
    let mut path = joined(prefix, &names);
    path.retain(|token| token != "::");
    if rest.first().is_some_and(|first| first == "{") {
        let branches = branches(&rest[1..rest.len() - 1]).into_iter();
        return branches.flat_map(|branch| read_use(branch, &path, is_public)).collect();
    }
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let alias = rest.last().or(path.last()).cloned().unwrap_or_default();
    vec![Import { path, alias, is_public }]
}

/// The parts between the commas that stand in no inner braces.
fn branches(tree: &[String]) -> Vec<&[String]> {
    let mut depth = 0_usize;
    let parts = tree.split(|token| {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        token == "," && depth == 0
    });
    parts.filter(|part| !part.is_empty()).collect()
}
