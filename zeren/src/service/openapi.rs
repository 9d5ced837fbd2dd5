//! The OpenAPI 3.1 document. A route is added together with what is said of it, so nothing is served that the document lacks.

use std::sync::Arc;

use axum::Router;
use axum::routing::MethodRouter;
use serde_json::{Map, Value, json};

use super::Service;
use crate::http::problem::PROBLEM_JSON;

/// Routes, each with its description.
pub struct Api {
    router: Router<Arc<Service>>,
    paths: Map<String, Value>,
}

/// What the document says of a route.
pub struct Operation {
    summary: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    responses: Map<String, Value>,
    needs_token: bool,
}

impl Operation {
    /// A route that everybody may ask.
    pub fn public(summary: &'static str) -> Operation {
        Operation { summary, parameters: Vec::new(), body: None, responses: Map::new(), needs_token: false }
    }

    /// A route that asks for a reading token.
    pub fn by_token(summary: &'static str) -> Operation {
        Operation { needs_token: true, ..Operation::public(summary) }
    }

    /// A part of the path.
    #[must_use]
    pub fn at(mut self, name: &str, schema: Value, what: &str) -> Operation {
        self.parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": schema, "description": what }));
        self
    }

    /// A part of the query.
    #[must_use]
    pub fn asking(mut self, name: &str, is_required: bool, schema: Value, what: &str) -> Operation {
        self.parameters.push(json!({ "name": name, "in": "query", "required": is_required, "schema": schema, "description": what }));
        self
    }

    /// A body, by media type.
    #[must_use]
    pub fn taking(mut self, media: &[(&str, Value)]) -> Operation {
        let content: Map<String, Value> = media.iter().map(|(media, schema)| ((*media).to_owned(), json!({ "schema": schema }))).collect();
        self.body = Some(json!({ "required": true, "content": content }));
        self
    }

    /// An answer.
    #[must_use]
    pub fn giving(mut self, status: u16, media: &str, schema: Value, what: &str) -> Operation {
        let content = if media.is_empty() { json!({}) } else { json!({ media: { "schema": schema } }) };
        self.responses.insert(status.to_string(), json!({ "description": what, "content": content }));
        self
    }

    fn document(self) -> Value {
        let Operation { summary, parameters, body, mut responses, needs_token } = self;
        let problem = json!({ "schema": { "$ref": "#/components/schemas/Problem" } });
        responses.insert(
            "default".to_owned(),
            json!({ "description": "What went wrong, and what to do.", "content": { PROBLEM_JSON: problem } }),
        );
        let mut document = json!({ "summary": summary, "parameters": parameters, "responses": responses });
        if let Some(body) = body {
            document["requestBody"] = body;
        }
        document["security"] = if needs_token { json!([{ "token": [] }]) } else { json!([]) };
        document
    }
}

impl Api {
    /// No routes yet.
    pub fn new() -> Api {
        Api { router: Router::new(), paths: Map::new() }
    }

    /// Adds the routes of a path.
    #[must_use]
    pub fn route(self, path: &str, handlers: MethodRouter<Arc<Service>>, operations: Vec<(&str, Operation)>) -> Api {
        self.route_as(path, path, handlers, operations)
    }

    /// The same where the document writes the path otherwise: it knows no parts with slashes.
    #[must_use]
    pub fn route_as(
        mut self,
        path: &str,
        documented: &str,
        handlers: MethodRouter<Arc<Service>>,
        operations: Vec<(&str, Operation)>,
    ) -> Api {
        let operations: Map<String, Value> = operations.into_iter().map(|(method, of)| (method.to_owned(), of.document())).collect();
        self.paths.insert(documented.to_owned(), Value::Object(operations));
        self.router = self.router.route(path, handlers);
        self
    }

    /// The routes, and the document.
    pub fn finish(self) -> (Router<Arc<Service>>, Value) {
        let document = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Zeren", "version": env!("CARGO_PKG_VERSION"),
                "description": "An accountability ledger. Statements are signed notes (docs/format.md); submitting needs a valid signature and no account; reading needs a token signed with one's own enrolled key.",
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "paths": self.paths,
            "components": {
                "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "bearerFormat": "zeren token v1 (docs/format.md section 21), in base64" } },
                "schemas": { "Problem": problem_schema(), "At": at_schema() },
            },
        });
        (self.router, document)
    }
}

fn problem_schema() -> Value {
    json!({
        "type": "object", "required": ["type", "title", "status", "rule", "expected", "found", "advice"],
        "properties": {
            "type": { "type": "string" }, "title": { "type": "string" }, "status": { "type": "integer" },
            "rule": { "type": "string", "description": "A rule of docs/format.md, or of the service." },
            "expected": { "type": "string" }, "found": { "type": "string" }, "advice": { "type": "string" },
            "line": { "type": "integer", "description": "Line of the note, from 1." },
            "refusal": { "type": "string", "description": "The refusal as a note that the ledger signed." },
        },
    })
}

/// Up to where an answer of views is right.
fn at_schema() -> Value {
    json!({
        "type": "object", "required": ["ledger", "size", "root"],
        "description": "Up to where the answer is right. No checkpoint of just this size need have been signed: GET /checkpoint has the latest that was, and GET /v1/consistency?old=SIZE&new=ITS_SIZE the proof that it continues this root.",
        "properties": { "ledger": { "type": "string" }, "size": { "type": "integer" }, "root": { "type": "string" } },
    })
}

/// An object with these members, all of them there; others may come.
pub fn object(members: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> = members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "required": members.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "properties": properties })
}

/// The same of views, which say up to where they are right.
pub fn view(members: &[(&str, Value)]) -> Value {
    let at = ("at", json!({ "$ref": "#/components/schemas/At" }));
    object(&members.iter().cloned().chain([at]).collect::<Vec<_>>())
}

/// A list of objects.
pub fn objects() -> Value {
    json!({ "type": "array", "items": { "type": "object" } })
}

/// Text.
pub fn text() -> Value {
    json!({ "type": "string" })
}

/// A number that is not negative.
pub fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}
