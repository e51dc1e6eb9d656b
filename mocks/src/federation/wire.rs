//! Requests and answers of a federation as HTTP.

use gp2gp_model::http::Headers;
use gp2gp_wire::federation::{Call, JSON, Reply};

use crate::peer::{HttpRequest, HttpResponse};

pub(super) fn request(call: Call) -> HttpRequest {
    let Call { method, path, body } = call;
    HttpRequest {
        method,
        path,
        soap_action: None,
        content_type: if body.is_empty() { "" } else { JSON }.to_owned(),
        headers: Headers::new(),
        body,
    }
}

pub(super) fn response(reply: Reply) -> HttpResponse {
    let Reply { status, body } = reply;
    HttpResponse {
        status,
        content_type: (!body.is_empty()).then(|| JSON.to_owned()),
        headers: Headers::new(),
        body,
    }
}

pub(super) fn reply(response: &HttpResponse) -> Reply {
    Reply {
        status: response.status,
        body: response.body.clone(),
    }
}
