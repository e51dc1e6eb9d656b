//! The JSON schema of scenario files, for editors.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::choice::{OfPatients, OneOrMore};
use crate::file::{File, True};
use crate::quantity::{Size, Span};

/// Name of the schema of a text that names an axis.
const AXIS: &str = "axis";

/// The schema, as it lies in `scenario.schema.json`.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft07()
        .with_transform(WithoutNull)
        .with_transform(OrAnAxis);
    let mut schema = settings.into_generator().into_root_schema_for::<File>();
    schema.insert("title".to_owned(), json!("A scenario of gp2gp"));
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert("matrix".to_owned(), matrix());
    }
    if let Some(Value::Object(definitions)) = schema.get_mut("definitions") {
        definitions.insert(AXIS.to_owned(), axis());
    }
    schema.to_value()
}

/// The schema of another file that people write, under its title.
pub fn schema_of<T: JsonSchema>(title: &str) -> Value {
    let settings = SchemaSettings::draft07().with_transform(WithoutNull);
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), json!(title));
    schema.to_value()
}

/// It is unfolded before a file is read, so that [`File`] has no place for it.
fn matrix() -> Value {
    let value = json!({ "type": ["string", "integer", "boolean"] });
    let value_with_company = json!({
        "description": "A value, or a table that says it under the name of the axis, and under other names what goes with it.",
        "anyOf": [value, { "type": "object", "additionalProperties": value }],
    });
    json!({
        "description": "Axes with their values: the file stands for one scenario for each combination. `{name}` in any text stands for a value.",
        "type": "object",
        "properties": {
            "except": {
                "description": "Combinations to leave out; an axis that is not named stands for all its values.",
                "type": "array",
                "items": { "type": "object", "additionalProperties": value },
            },
        },
        "additionalProperties": { "type": "array", "items": value_with_company, "minItems": 1 },
    })
}

/// There is no null in TOML: what may be left out is simply not required.
#[derive(Debug, Clone)]
struct WithoutNull;

impl Transform for WithoutNull {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else {
            return;
        };
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                object.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
            choices.retain(|choice| *choice != json!({ "type": "null" }));
            if let [Value::Object(only)] = choices.as_slice() {
                let only = only.clone();
                object.remove("anyOf");
                object.extend(only);
            }
        }
    }
}

/// Lets the name of an axis stand wherever something else than any text is wanted.
#[derive(Debug, Clone)]
struct OrAnAxis;

impl Transform for OrAnAxis {
    fn transform(&mut self, schema: &mut Schema) {
        match schema.get_mut("oneOf").and_then(Value::as_array_mut) {
            // The axis stands for the choice, not once for each of the words to choose from.
            Some(choices) => {
                for choice in choices {
                    if let Ok(choice) = <&mut Schema>::try_from(choice) {
                        transform_subschemas(self, choice);
                    }
                }
            }
            None => transform_subschemas(self, schema),
        }
        let Some(object) = schema.as_object_mut().filter(|it| wants_more_than_text(it)) else {
            return;
        };
        let description = object.remove("description");
        let default = object.remove("default");
        let wanted = Value::Object(std::mem::take(object));
        object.extend(description.map(|text| ("description".to_owned(), text)));
        object.extend(default.map(|value| ("default".to_owned(), value)));
        object.insert(
            "anyOf".to_owned(),
            json!([wanted, { "$ref": format!("#/definitions/{AXIS}") }]),
        );
    }
}

fn axis() -> Value {
    json!({ "description": "The name of an axis of [matrix].", "type": "string", "pattern": "\\{[A-Za-z][A-Za-z0-9_-]*\\}" })
}

/// A number, a yes or no, one of several words, or a text of a certain form.
fn wants_more_than_text(schema: &Map<String, Value>) -> bool {
    let is_one_of = |types: &[&str]| match schema.get("type") {
        Some(Value::String(name)) => types.contains(&name.as_str()),
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .any(|name| types.contains(&name)),
        _ => false,
    };
    is_one_of(&["integer", "number", "boolean"])
        || schema.contains_key("enum")
        || schema.contains_key("const")
        || schema.contains_key("pattern")
        || schema.contains_key("oneOf")
}

impl JsonSchema for Size {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^\\s*[0-9]+(\\.[0-9]+)?\\s*(B|KB|MB|GB)\\s*$" },
            ],
        })
    }
}

impl JsonSchema for Span {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^\\s*([0-9]+(d|h|m|s|ms)\\s*)+$",
        })
    }
}

impl JsonSchema for True {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "True".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "const": true })
    }
}

impl JsonSchema for OneOrMore {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OneOrMore".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" } },
            ],
        })
    }
}

impl<T: JsonSchema> JsonSchema for OfPatients<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OfPatients_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({
            "anyOf": [one, { "type": "object", "additionalProperties": one }],
        })
    }
}
