// Which headers pass between clients and origins.

#include <doctest/doctest.h>

#include <string>

#include "worker/origin_headers.h"

using namespace edgeroom;  // NOLINT(google-build-using-namespace)

namespace {

std::string passed(EdgeHeaderSet set, const std::string& lines, uint32_t status = 200) {
  return pass_headers(set, status, lines).headers;
}

}  // namespace

TEST_CASE("a request to the API keeps what is between its two ends") {
  const std::string lines =
      "accept: */*\nauthorization: Bearer a.b.c\ncontent-type: text/plain\ncookie: a=b; c=d\n"
      "content-length: 5\nx-csrf: 1: 2\nempty: \nidempotency-key: k\n";
  CHECK(passed(EdgeHeaderSet::kApiRequest, lines) == lines);
}

TEST_CASE("a request to the API loses what belongs to one hop") {
  CHECK(passed(EdgeHeaderSet::kApiRequest,
               "connection: close, X-Secret ,te\nx-secret: 1\nkeep-alive: 5\nTE: trailers\n"
               "trailer: x\nTransfer-Encoding: chunked\nupgrade: websocket\n"
               "proxy-authorization: Basic x\nproxy-connection: close\nhttp2-settings: AA\n"
               "sec-websocket-key: x\nsec-websocket-protocol: bearer.secret\n"
               "accept: */*\n") == "accept: */*\n");
}

TEST_CASE("nobody but the Worker says who a client is, however it is spelled") {
  CHECK(passed(EdgeHeaderSet::kApiRequest,
               "X-User: root\nx_user: root\nX-USER: root\nx-forwarded-for: 1.1.1.1\n"
               "X_Forwarded_For: 1.1.1.1\nx-forwarded-host: evil\nx-forwarded-proto: https\n"
               "x-forwarded-user: root\nforwarded: for=1.1.1.1\nx-real-ip: 1.1.1.1\n"
               "cf-connecting-ip: 1.1.1.1\nCF-Ray: x\ntrue-client-ip: 1.1.1.1\nhost: evil\n"
               "x-request-id: 1\nx-username: ana\n") == "x-username: ana\n");
}

TEST_CASE("the state of a trace goes with the trace that it belongs to") {
  const std::string state = "tracestate: a=1\n";
  CHECK(passed(EdgeHeaderSet::kApiRequest, state).empty());
  CHECK(passed(EdgeHeaderSet::kApiRequest, "traceparent: 1\n" + state).empty());
  // The Worker sets the traceparent itself.
  CHECK(passed(EdgeHeaderSet::kApiRequest,
               "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n" + state) ==
        state);
}

TEST_CASE("an answer of the API keeps its own, and says nothing about origins") {
  CHECK(passed(EdgeHeaderSet::kApiAnswer,
               "content-type: text/html\nset-cookie: a=1\nset-cookie: b=2\nconnection: x-hop\n"
               "x-hop: 1\naccess-control-allow-origin: *\naccess-control-allow-credentials: true\n"
               "access-control-expose-headers: X-Total\nvary: Accept\nkeep-alive: 1\n"
               "transfer-encoding: chunked\n") ==
        "content-type: text/html\nset-cookie: a=1\nset-cookie: b=2\n"
        "access-control-expose-headers: X-Total\nvary: Accept\n");
  CHECK(pass_headers(EdgeHeaderSet::kApiAnswer, 500, "a: b\n").status == 0);
}

TEST_CASE("a store is told of the file alone, and tells of it alone") {
  CHECK(passed(EdgeHeaderSet::kAssetRequest,
               "authorization: Bearer x\ncookie: a=b\nx-user: ana\norigin: https://a.example\n"
               "referer: https://a.example/secret\nrange: bytes=0-1\nif-none-match: \"a\"\n"
               "if-modified-since: x\nif-range: \"a\"\naccept-encoding: gzip\n") ==
        "range: bytes=0-1\nif-none-match: \"a\"\nif-modified-since: x\nif-range: \"a\"\n");
  CHECK(passed(EdgeHeaderSet::kAssetAnswer,
               "content-type: image/png\nset-cookie: a=1\nx-amz-request-id: x\nserver: AmazonS3\n"
               "x-amz-meta-owner: ana\netag: \"a\"\naccess-control-allow-origin: *\n"
               "cache-control: max-age=5\nvary: Origin\n") ==
        "content-type: image/png\netag: \"a\"\ncache-control: max-age=5\n");
}

TEST_CASE("the cache keeps whole files that may be kept") {
  const auto storable = [](uint32_t status, const std::string& lines) {
    return pass_headers(EdgeHeaderSet::kAssetAnswer, status, lines).is_cacheable;
  };
  CHECK(storable(200, ""));
  CHECK(storable(200, "cache-control: public, max-age=60\n"));
  CHECK(storable(200, "vary: Origin, accept-encoding\n"));
  // Another client may get another file there.
  CHECK_FALSE(storable(200, "vary: Origin, Accept\n"));
  CHECK_FALSE(storable(200, "vary: *\n"));
  CHECK_FALSE(storable(200, "vary: Origin\nvary: Accept\n"));
  CHECK_FALSE(storable(200, "vary: Accept\nvary: Origin\n"));
  CHECK_FALSE(storable(200, "cache-control: public\ncache-control: private\n"));
  CHECK_FALSE(storable(200, "cache-control: max-age=60, Private\n"));
  CHECK_FALSE(storable(200, "cache-control: no-store\n"));
  CHECK_FALSE(storable(200, "cache-control: no-cache=\"x\"\n"));
  CHECK_FALSE(storable(206, ""));
  CHECK_FALSE(storable(304, ""));
  CHECK_FALSE(storable(404, ""));
  // A store that says nothing means: for a while.
  CHECK(passed(EdgeHeaderSet::kAssetAnswer, "") == "cache-control: public, max-age=300\n");
  CHECK(passed(EdgeHeaderSet::kAssetAnswer, "cache-control: public\n") ==
        "cache-control: public, max-age=300\n");
  CHECK(passed(EdgeHeaderSet::kAssetAnswer, "cache-control: s-maxage=9\n") ==
        "cache-control: s-maxage=9\n");
  CHECK(passed(EdgeHeaderSet::kAssetAnswer, "cache-control: no-store\n") ==
        "cache-control: no-store\n");
  CHECK(passed(EdgeHeaderSet::kAssetAnswer, "expires: 0\n") == "expires: 0\n");
}

TEST_CASE("the cache is not asked what it does not know") {
  const auto answerable = [](const std::string& lines) {
    return pass_headers(EdgeHeaderSet::kAssetRequest, 0, lines).is_cacheable;
  };
  CHECK(answerable("range: bytes=0-1\nif-none-match: \"a\"\nif-modified-since: x\n"));
  CHECK_FALSE(answerable("range: bytes=0-1\nif-range: \"a\"\n"));
  CHECK_FALSE(answerable("If-Match: \"a\"\n"));
  CHECK_FALSE(answerable("if-unmodified-since: x\n"));
  CHECK(passed(EdgeHeaderSet::kAssetRequest, "accept: image/avif\n").empty());
}

TEST_CASE("a store's own words about a file that it does not give are not told") {
  const std::string lines = "content-type: application/xml\nx-amz-request-id: x\n";
  for (const auto& [status, answered] : {std::pair(403U, 404U),
                                         {404U, 404U},
                                         {410U, 404U},
                                         {412U, 412U},
                                         {416U, 416U},
                                         {301U, 502U},
                                         {307U, 502U},
                                         {400U, 502U},
                                         {429U, 502U},
                                         {500U, 502U},
                                         {503U, 502U}}) {
    CAPTURE(status);
    const PassedHeaders out = pass_headers(EdgeHeaderSet::kAssetAnswer, status, lines);
    CHECK(out.status == answered);
    CHECK(out.body.find("\"status\":" + std::to_string(answered)) != std::string::npos);
    CHECK(out.headers.find("application/problem+json") != std::string::npos);
    CHECK(out.headers.find("amz") == std::string::npos);
    CHECK_FALSE(out.is_cacheable);
  }
  CHECK(passed(EdgeHeaderSet::kAssetAnswer, "content-range: bytes */5\n", 416)
            .find("content-range: bytes */5\n") != std::string::npos);
}

TEST_CASE("lines that are no headers are left out") {
  CHECK(passed(EdgeHeaderSet::kApiRequest, "nonsense\n\n: \na: b") == ": \na: b\n");
}
