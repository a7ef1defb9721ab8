import io
import re
import socket
import tracemalloc
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse, create_environ, run_wsgi_app

from tests.conftest import AppMaker
from webapp.answer.messages import FORM_CODES, PHOTO_MESSAGES

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/about",
        "/spots",
        "/spots/compare",
        "/nothing",
        "/api/v1/predict",
        "/healthz",
        "/readyz",
        "/static/app.css",
    ],
)
def test_every_answer_has_the_security_headers(client: FlaskClient, path: str) -> None:
    with client.get(path) as response:
        headers = response.headers
    assert {name: headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize("path", ["/", "/about", "/nothing", "/crop", "/api/v1/predict"])
def test_no_answer_is_kept_in_a_cache(client: FlaskClient, path: str) -> None:
    assert client.get(path).headers["Cache-Control"] == "no-store"


def test_static_files_may_be_kept(client: FlaskClient) -> None:
    with client.get("/static/app.css") as response:
        assert response.status_code == 200
        assert "no-store" not in response.headers["Cache-Control"]


def test_pages_hold_no_inline_scripts_and_styles(client: FlaskClient) -> None:
    for path in ("/", "/about", "/nothing"):
        page = client.get(path).text
        assert "<style" not in page and "style=" not in page and "javascript:" not in page
        assert page.count("<script") == page.count('<script type="module" src="/static/')


def test_the_session_cookie_is_out_of_reach(client: FlaskClient) -> None:
    cookie = client.get("/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert "Secure" not in cookie, "plain http://localhost must work"


def test_a_key_made_at_random_is_said_so_in_the_log(
    make_app: AppMaker, caplog: pytest.LogCaptureFixture
) -> None:
    keys = {make_app(secret_key=None).secret_key for _ in range(2)}
    assert len(keys) == 2
    assert "SECRET_KEY is not set" in caplog.text
    caplog.clear()
    assert make_app().secret_key == "not a secret, only a test"
    assert caplog.text == ""


HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}


@pytest.mark.parametrize("settings", [{"dyno": "web.1"}, {"proxy_hops": 1}])
def test_behind_a_proxy_the_scheme_is_the_visitors(make_app: AppMaker, settings: dict[str, object]) -> None:
    response = make_app(**settings).test_client().get("/", headers=HTTPS)
    assert response.status_code == 200
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Secure" in response.headers["Set-Cookie"]


def test_without_a_proxy_its_headers_are_ignored(make_app: AppMaker) -> None:
    app = make_app()
    for scheme in ("https", "http"):
        response = app.test_client().get("/", headers={**HTTPS, "X-Forwarded-Proto": scheme})
        assert response.status_code == 200
        assert "Strict-Transport-Security" not in response.headers
        assert "Secure" not in response.headers["Set-Cookie"]


def test_a_visitor_who_came_by_http_is_sent_to_https(make_app: AppMaker) -> None:
    client = make_app(dyno="web.1").test_client()
    for path in ("/", "/about?lang=en", "//evil.example/", "/\\evil.example"):
        headers = {"X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example"}
        response = client.get(path, headers=headers, base_url="http://spots.example")
        assert response.status_code == 308
        assert response.headers["Location"].startswith("https://spots.example/")


def test_a_request_that_no_proxy_forwarded_is_not_redirected(make_app: AppMaker) -> None:
    assert make_app(dyno="web.1").test_client().get("/").status_code == 200


@pytest.mark.parametrize("scheme", ["ftp", "javascript", "HTTPS", "HTTP", "http:", "", "http, ftp"])
def test_only_http_is_sent_to_https(make_app: AppMaker, scheme: str) -> None:
    response = make_app(dyno="web.1").test_client().get("/", headers={"X-Forwarded-Proto": scheme})
    assert response.status_code == 200 and "Location" not in response.headers
    assert "Strict-Transport-Security" not in response.headers


def test_the_proxys_own_word_on_the_scheme_is_the_last(make_app: AppMaker) -> None:
    response = make_app(dyno="web.1").test_client().get("/", headers={"X-Forwarded-Proto": "https, http"})
    assert (response.status_code, response.headers["Location"]) == (308, "https://localhost/")


ABSOLUTE = ["/api", "/api/v1/openapi.json", "/spots", "/spots/compare", "the answer"]
"""Pages that print addresses with the host's name."""
FORGED = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Server": "evil.example",
    "X-Forwarded-Port": "6666",
    "X-Forwarded-Prefix": "/evil",
    "X-Original-Host": "evil.example",
    "X-Host": "evil.example",
    "X-Original-URL": "https://evil.example/",
    "Forwarded": "host=evil.example;proto=https",
}


def text_of(client: FlaskClient, path: str, photo: bytes, headers: dict[str, str], base_url: str) -> str:
    """Returns a page, or the one with the answer for a photo."""
    sent: dict[str, Any] = {"headers": headers, "base_url": base_url}
    if path != "the answer":
        response = client.get(path, **sent)
    else:
        token = csrf_token(client.get("/", **sent).text)
        data = {"photo": (io.BytesIO(photo), "spot.jpg"), "csrf_token": token}
        sent["headers"] = {**headers, "Sec-Fetch-Site": "same-origin"}
        response = client.post("/", data=data, **sent)
    assert response.status_code == 200
    return response.text


@pytest.mark.parametrize("path", ABSOLUTE)
@pytest.mark.parametrize(
    "settings", [{}, {"dyno": "web.1"}, {"proxy_hops": 2}, {"dyno": "web.1", "trusted_hosts": (".example",)}]
)
def test_forged_headers_change_no_address(
    make_app: AppMaker, photo: bytes, path: str, settings: dict[str, Any]
) -> None:
    client = make_app(**settings).test_client()
    page = text_of(client, path, photo, HTTPS | FORGED, "https://spots.example")
    assert "https://spots.example" in page
    assert not [forged for forged in ("evil", ":6666") if forged in page]


@pytest.mark.parametrize("path", ABSOLUTE)
def test_a_host_that_one_visitor_made_up_is_in_nobody_elses_page(
    make_app: AppMaker, photo: bytes, path: str
) -> None:
    app = make_app(dyno="web.1")
    assert "evil.example" in text_of(app.test_client(), path, photo, HTTPS, "https://evil.example")
    assert "evil.example" not in text_of(app.test_client(), path, photo, HTTPS, "https://spots.example")


@pytest.mark.parametrize("scheme", ["http", "https", "https, http", ""])
@pytest.mark.parametrize("path", ["/", "/api", "/api/v1/openapi.json", "/spots", "/static/app.css"])
def test_a_forged_host_is_refused_before_it_is_sent_anywhere(
    make_app: AppMaker, path: str, scheme: str
) -> None:
    client = make_app(dyno="web.1", trusted_hosts=("spots.example",)).test_client()
    headers = {**FORGED, "X-Forwarded-Proto": scheme}
    response = client.get(path, headers=headers, base_url="http://evil.example")
    assert response.status_code == 400
    assert "evil" not in response.text and "evil" not in str(response.headers)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_a_health_check_of_the_bare_address_is_answered_where_it_asked(make_app: AppMaker, path: str) -> None:
    client = make_app(dyno="web.1", trusted_hosts=("spots.example",), metrics=True).test_client()
    http = {"X-Forwarded-Proto": "http"}
    response = client.get(path, headers=http, base_url="http://10.0.0.1")
    assert response.status_code != 308 and "Location" not in response.headers
    response = client.get(path, headers=http, base_url="http://spots.example")
    assert (response.status_code, response.headers["Location"]) == (308, f"https://spots.example{path}")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("spots.example", 200),
        ("SPOTS.example", 200),
        ("www.spots.example", 400),
        ("a.skin.example", 200),
        ("A.Skin.Example", 200),
        ("evil.example", 400),
    ],
)
def test_only_trusted_hosts_are_answered(make_app: AppMaker, host: str, status: int) -> None:
    client = make_app(trusted_hosts=("spots.example", ".skin.example")).test_client()
    assert client.get("/", headers={"Host": host}).status_code == status
    assert client.get("/healthz", headers={"Host": "10.0.0.1"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [("[::1]", 200), ("[::1]:8000", 200), ("[::2]", 400), ("[2001:db8::1]:80", 400), ("localhost", 400)],
)
def test_an_ipv6_address_can_be_trusted(make_app: AppMaker, host: str, status: int) -> None:
    client = make_app(trusted_hosts=("[::1]",)).test_client()
    assert client.get("/about", headers={"Host": host}).status_code == status


@pytest.mark.parametrize("host", ["", "a b", "[::1", "x" * 5000, "a@b", "\u00e9.example"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"trusted_hosts": ("spots.example",)},
        {"dyno": "web.1"},
        {"dyno": "web.1", "trusted_hosts": ("spots.example",)},
    ],
)
def test_an_odd_host_header_breaks_nothing(make_app: AppMaker, host: str, settings: dict[str, Any]) -> None:
    app = make_app(**settings)
    app.testing = False
    for path in ("/", "/nothing"):
        environ = create_environ(path)
        environ.update(HTTP_HOST=host, HTTP_X_FORWARDED_PROTO="http")
        _, status, _ = run_wsgi_app(app, environ)  # not the client, which refuses to send such a header
        assert int(status[:3]) < 500


def csrf_token(page: str) -> str:
    found = re.search('name="csrf_token"[^>]* value="([^"]+)"', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("token", ["own", "", "forged", "foreign"])
@pytest.mark.parametrize("path", ["/", "/crop"])
def test_the_form_needs_the_token_of_its_own_session(app: Flask, photo: bytes, path: str, token: str) -> None:
    client = app.test_client()
    own, foreign = csrf_token(client.get("/").text), csrf_token(app.test_client().get("/").text)
    sent = {"own": own, "": "", "forged": own[:-4] + "AAAA", "foreign": foreign}[token]
    response = client.post(path, data={"photo": (io.BytesIO(photo), "spot.jpg"), "csrf_token": sent})
    assert response.status_code == (200 if token == "own" else 400)


OWN, OTHER = "https://localhost", "https://evil.example"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Referer": f"{OWN}/"}, None),
        ({"Origin": OWN}, None),
        ({"Origin": OWN, "Referer": f"{OTHER}/"}, None),
        ({"Origin": "null", "Referer": f"{OWN}/"}, None),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, None),
        ({"Origin": "null", "Sec-Fetch-Site": "none", "Referer": f"{OWN}/"}, None),
        ({"Referer": f"{OTHER}/"}, "form_elsewhere"),
        ({"Origin": OTHER}, "form_elsewhere"),
        ({"Origin": "http://localhost"}, "form_elsewhere"),
        ({"Origin": f"{OWN}:8443"}, "form_elsewhere"),
        ({"Origin": "https://localhost.evil.example"}, "form_elsewhere"),
        ({"Origin": OTHER, "Referer": f"{OWN}/"}, "form_elsewhere"),
        ({"Origin": OWN, "Sec-Fetch-Site": "cross-site"}, "form_elsewhere"),
        ({"Origin": OWN, "Sec-Fetch-Site": "same-site"}, "form_elsewhere"),
        ({}, "form_hidden"),
        ({"Origin": "null"}, "form_hidden"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/crop"])
def test_over_https_the_form_must_come_from_this_site(
    make_app: AppMaker, photo: bytes, path: str, headers: dict[str, str], code: str | None
) -> None:
    client = make_app(proxy_hops=1).test_client()
    token = csrf_token(client.get("/", headers=HTTPS).text)
    data = {"photo": (io.BytesIO(photo), "spot.jpg"), "csrf_token": token}
    response = client.post(path, data=data, headers={**HTTPS, **headers}, base_url=OWN)
    assert response.status_code == (400 if code else 200)
    if code:
        assert says(response, path, code)


def says(response: TestResponse, path: str, code: str) -> bool:
    """Whether an answer gives this reason for refusing a form: in words to people, as a code to scripts."""
    if path == "/crop":
        return bool(response.get_json(force=True)["code"] == code)
    return PHOTO_MESSAGES[code].title in response.text


@pytest.mark.parametrize("path", ["/", "/crop"])
@pytest.mark.parametrize("code", ["form_token", "form_cookies", "form_expired"])
def test_each_reason_of_a_refused_form_has_its_own_advice(
    make_app: AppMaker, photo: bytes, path: str, code: str
) -> None:
    app = make_app()
    client = app.test_client(use_cookies=code != "form_cookies")
    token = csrf_token(client.get("/").text)
    if code == "form_expired":
        app.secret_key = "the key of the next start"
    data = {"photo": (io.BytesIO(photo), "spot.jpg"), "csrf_token": "" if code == "form_token" else token}
    response = client.post(path, data=data)
    assert response.status_code == 400 and says(response, path, code)
    if path == "/":
        assert ("Allow cookies" in response.text) is (code == "form_cookies")
        others = FORM_CODES - {code}
        assert not [other for other in others if says(response, path, other)]


NAMELESS = b"--b\r\nContent-Disposition: form-data%b\r\n\r\nx\r\n--b--\r\n"
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/", MULTIPART, NAMELESS % b"", 400),
        ("/crop", MULTIPART, NAMELESS % b"", 400),
        ("/", MULTIPART, NAMELESS % b'; filename="x"', 400),
        ("/crop", MULTIPART, NAMELESS % b'; filename="x"', 400),
        ("/api/v1/predict", MULTIPART, NAMELESS % b"", 400),
        ("/", JSON, b"[1]", 400),
        ("/", JSON, b"1", 400),
        ("/", JSON, b'"x"', 400),
        ("/", JSON, b"{", 400),
        ("/crop", JSON, b"[1]", 400),
        ("/", {"Referer": "https://["}, b"", 400),
        ("/", {"Origin": "https://["}, b"", 400),
        ("/", {"Origin": "https://localhost:abc"}, b"", 400),
        ("/", {"Origin": "\xff"}, b"", 400),
        ("/", {"Sec-Fetch-Site": "\xff"}, b"", 400),
        ("/", {"Referer": "https://localhost:abc/"}, b"", 400),
        ("/", {"Referer": "https://localhost:99999/"}, b"", 400),
        ("/", {"Referer": "https://localhost/", "Host": "localhost:99999"}, b"", 400),
        ("/crop", {"Referer": "https://["}, b"", 400),
        ("/api/v1/predict", {"Authorization": "Basic \xff"}, b"", 400),
        ("/api/v1/predict", {"Authorization": "Digest \xff=\xff"}, b"", 400),
    ],
)
def test_odd_requests_are_no_500(
    make_app: AppMaker, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    app = make_app(proxy_hops=1)
    app.testing = False  # as in production: what nobody expected becomes a 500
    client = app.test_client()
    secure = {**HTTPS, "Referer": "https://localhost/"}
    token = csrf_token(client.get("/", headers=secure).text)
    sent = secure | {"X-CSRFToken": token} | headers
    response = client.post(path, data=body, headers=sent)
    assert response.status_code == status


@pytest.mark.parametrize(
    "data",
    [{f"field{number}": "x" for number in range(100)}, {"changed": "x" * 300_000}],
    ids=["many fields", "a long text"],
)
@pytest.mark.parametrize("path", ["/", "/crop", "/api/v1/predict"])
def test_a_form_has_limits(client: FlaskClient, path: str, data: dict[str, str]) -> None:
    assert client.post(path, data=data, content_type="multipart/form-data").status_code == 413


@pytest.mark.parametrize("path", ["/", "/crop", "/api/v1/predict"])
def test_a_form_of_a_million_fields_takes_no_memory(client: FlaskClient, path: str) -> None:
    body, content_type = b"a&" * 1_000_000, "application/x-www-form-urlencoded"
    tracemalloc.start()
    response = client.post(path, data=body, content_type=content_type)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert response.status_code == 400
    assert most < 20_000_000, "bytes; read as fields they would be 100 million"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_other_methods_are_refused(client: FlaskClient, method: str) -> None:
    for path in ("/", "/about", "/crop", "/api/v1/predict", "/healthz", "/readyz"):
        assert client.open(path, method=method).status_code == 405


@pytest.mark.parametrize("path", ["/api/v1/predict", "/"])
def test_no_address_is_fetched(client: FlaskClient, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*args: object, **kwargs: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    url = "http://169.254.169.254/latest/meta-data/"
    for name in ("photo", "url", "next"):
        assert client.post(path, data={name: url}).status_code == 400
        assert client.get("/", query_string={name: url}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/static/../wsgi.py", "/static/%2e%2e/wsgi.py", "/static//etc/passwd", "/.git/config"]
)
def test_no_file_but_the_static_ones_can_be_read(client: FlaskClient, path: str) -> None:
    assert client.get(path, follow_redirects=True).status_code == 404
