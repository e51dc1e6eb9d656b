//! The control contract over HTTP as an OpenAPI 3.1 document, made from the same types that speak it.

use gp2gp_model::control::{
    Action, ActionRef, ActionStatus, After, Agenda, CONTRACT, Claims, ClockSetting, Happening,
    Health, Log, LogLines, Nothing, Observed, Prepared, Refusal, Screen, Setting, Verb, Whom,
};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// The document.
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    let mut schemas = settings.into_generator();
    let paths: Map<String, Value> = Verb::ALL
        .into_iter()
        .map(|verb| {
            (
                format!("/{verb}"),
                json!({"post": operation(verb, &mut schemas)}),
            )
        })
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Control contract of gp2gp",
            "version": CONTRACT,
            "description": "How the harness plays the people around a system under test. The system implements this; the harness calls it."
        },
        "paths": paths,
        "components": {"schemas": schemas.take_definitions(true)},
    })
}

fn operation(verb: Verb, schemas: &mut SchemaGenerator) -> Value {
    let (body, answer) = match verb {
        Verb::Capabilities => (of::<Nothing>(schemas), of::<Claims>(schemas)),
        Verb::Health => (of::<Nothing>(schemas), of::<Health>(schemas)),
        Verb::Prepare => (of::<Setting>(schemas), of::<Prepared>(schemas)),
        Verb::Act => (of::<Action>(schemas), of::<ActionStatus>(schemas)),
        Verb::Action => (of::<ActionRef>(schemas), of::<ActionStatus>(schemas)),
        Verb::Notices => (of::<After>(schemas), of::<Screen>(schemas)),
        Verb::Observe => (of::<Whom>(schemas), of::<Observed>(schemas)),
        Verb::Clock => (of::<ClockSetting>(schemas), of::<Agenda>(schemas)),
        Verb::Lifecycle => (of::<Happening>(schemas), of::<Nothing>(schemas)),
        Verb::Reset => (of::<Nothing>(schemas), of::<Nothing>(schemas)),
        Verb::Logs => (of::<LogLines>(schemas), of::<Log>(schemas)),
    };
    let refusal = of::<Refusal>(schemas);
    json!({
        "operationId": verb.name(),
        "summary": summary(verb),
        "requestBody": {"required": true, "content": content(&body)},
        "responses": {
            "200": {"description": "Done.", "content": content(&answer)},
            "400": {"description": "The command makes no sense to the system.", "content": content(&refusal)},
            "500": {"description": "It tried and failed.", "content": content(&refusal)},
            "501": {"description": "It does not know the verb, or does not do this.", "content": content(&refusal)},
        }
    })
}

fn of<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Value {
    schemas.subschema_for::<T>().to_value()
}

fn content(schema: &Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

const fn summary(verb: Verb) -> &'static str {
    match verb {
        Verb::Capabilities => "What the system can do, by its own word.",
        Verb::Health => "Whether it is ready.",
        Verb::Prepare => "Become this practice, or these two; forget everything before.",
        Verb::Act => "People do something.",
        Verb::Action => "What has become of an act.",
        Verb::Notices => "What people see on their screens, beyond what they saw before.",
        Verb::Observe => "What the system says of itself.",
        Verb::Clock => "The time, and what the system will do next.",
        Verb::Lifecycle => "Something happens to the system as a whole.",
        Verb::Reset => "Forget everything of the run.",
        Verb::Logs => "The last lines of its log.",
    }
}
