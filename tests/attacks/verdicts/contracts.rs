//! What other programs read: JUnit files as Jenkins takes them, schemas as strict validators do.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::{verdict, with_reports};
use crate::gate::Gate;
use crate::skipped::not_checked;

/// The elements and attributes of ours that the Jenkins plugin xunit takes in a JUnit file (its junit-10.xsd), and no other.
const JENKINS: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:simpleType name="time"><xs:restriction base="xs:string"><xs:pattern value="[0-9]+\.[0-9]+"/></xs:restriction></xs:simpleType>
<xs:attributeGroup name="counts">
  <xs:attribute name="name" type="xs:string" use="required"/>
  <xs:attribute name="tests" type="xs:unsignedInt" use="required"/>
  <xs:attribute name="failures" type="xs:unsignedInt" use="required"/>
  <xs:attribute name="errors" type="xs:unsignedInt" use="required"/>
  <xs:attribute name="time" type="time" use="required"/>
</xs:attributeGroup>
<xs:complexType name="result" mixed="true">
  <xs:attribute name="type" type="xs:string"/><xs:attribute name="message" type="xs:string"/>
</xs:complexType>
<xs:complexType name="case">
  <xs:choice minOccurs="0" maxOccurs="unbounded">
    <xs:element name="skipped" type="result"/><xs:element name="error" type="result"/><xs:element name="failure" type="result"/>
  </xs:choice>
  <xs:attribute name="name" type="xs:string" use="required"/>
  <xs:attribute name="classname" type="xs:string"/>
  <xs:attribute name="time" type="time"/>
</xs:complexType>
<xs:complexType name="suite">
  <xs:sequence><xs:element name="testcase" type="case" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>
  <xs:attributeGroup ref="counts"/>
  <xs:attribute name="skipped" type="xs:unsignedInt"/>
  <xs:attribute name="timestamp" type="xs:dateTime"/>
</xs:complexType>
<xs:element name="testsuites"><xs:complexType>
  <xs:sequence><xs:element name="testsuite" type="suite" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>
  <xs:attributeGroup ref="counts"/>
</xs:complexType></xs:element>
</xs:schema>"#;

#[test]
fn junit_files_are_what_jenkins_takes() {
    let tried = Command::new("xmllint").arg("--version").stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        not_checked(
            "JUnit against Jenkins' schema",
            "there is no xmllint",
            "STAGEPROOF_REQUIRE_TOOLS",
        );
        return;
    }
    let gate = with_reports();
    gate.run([
        "skip-guard",
        "--require=env:NO_SUCH_THING",
        "--evidence-dir=jobs/skipped",
    ])
    .code(0);
    gate.run([
        "foreground-proof",
        "--log=none",
        "--in-pr-body",
        "--evidence-dir=jobs/failed",
    ])
    .code(1);
    gate.run(["rollback-dry-run", "--evidence-dir=jobs/errored"]);
    gate.run(["verdict", "--evidence-dir=nothing"]);
    verdict(&gate, &["--require=\u{2e}missing"]).code(1);
    gate.write("jenkins.xsd", JENKINS);
    let files: Vec<_> = walkdir::WalkDir::new(gate.root())
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.to_string_lossy().ends_with(".junit.xml"))
        .collect();
    assert_eq!(files.len(), 7, "{files:?}");
    for file in files {
        let mut command = Command::new("xmllint");
        let output = command
            .args(["--noout", "--schema", "jenkins.xsd"])
            .arg(&file)
            .current_dir(gate.root())
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Of JSON Schema 2020-12, section 7.3.
const FORMATS: [&str; 19] = [
    "date-time",
    "date",
    "time",
    "duration",
    "email",
    "idn-email",
    "hostname",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "uri",
    "uri-reference",
    "iri",
    "iri-reference",
    "uuid",
    "uri-template",
    "json-pointer",
    "relative-json-pointer",
    "regex",
];

#[test]
fn the_schemas_use_no_format_that_json_schema_does_not_have() {
    fn formats(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("format").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| formats(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| formats(value, found)),
            _ => {}
        }
    }
    for of in ["report", "evidence", "config"] {
        let schema: Value = serde_json::from_str(&Gate::new().run(["schema", of]).code(0).stdout()).unwrap();
        let mut found = Vec::new();
        formats(&schema, &mut found);
        found.retain(|format| !FORMATS.contains(&format.as_str()));
        assert!(found.is_empty(), "{of}: {found:?}");
    }
}
