//! Any bytes as stageproof.yml: reading it ends, in a configuration or in an error that names the file.
#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use stageproof::cli::Config;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("the input fits");
    if let Err(error) = Config::load(Some(file.path()), file.path().parent().expect("a folder")) {
        let name = file.path().file_name().expect("a name").to_string_lossy();
        assert!(error.to_string().contains(&*name), "{error}");
    }
});
