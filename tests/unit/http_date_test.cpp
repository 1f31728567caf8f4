// Dates in HTTP headers.

#include "base/http_date.h"

#include <doctest/doctest.h>

#include <string>

using edgeroom::parse_http_date;

TEST_CASE("dates are read to the second") {
  struct Case {
    const char* text;
    double seconds;
  };
  // The seconds are those of `date -u -d TEXT +%s`.
  for (const Case& c :
       {Case{"Thu, 01 Jan 1970 00:00:00 GMT", 0}, Case{"Wed, 31 Dec 1969 23:59:59 GMT", -1},
        Case{"Sun, 06 Nov 1994 08:49:37 GMT", 784'111'777},
        Case{"Tue, 29 Feb 2000 12:00:00 GMT", 951'825'600},
        Case{"Wed, 01 Mar 2000 00:00:00 GMT", 951'868'800},
        Case{"Sat, 31 Dec 2016 23:59:60 GMT", 1'483'228'800},
        Case{"Fri, 15 Jan 2027 08:00:00 GMT", 1'800'000'000},
        Case{"Mon, 01 Mar 2100 00:00:00 GMT", 4'107'542'400},
        Case{"Fri, 31 Dec 9999 23:59:59 GMT", 253'402'300'799}}) {
    CAPTURE(std::string(c.text));
    const auto ms = parse_http_date(c.text);
    REQUIRE(ms);
    CHECK(*ms == c.seconds * 1000);
  }
}

TEST_CASE("what is no date") {
  for (const char* text : {"",
                           "0",
                           "Sun, 06 Nov 1994 08:49:37",
                           "Sun, 06 Nov 1994 08:49:37 UTC",
                           "Sun, 06 Nov 1994 08:49:37 GMT ",
                           " Sun, 06 Nov 1994 08:49:37 GMT",
                           "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994",
                           "Sun, 6 Nov 1994 08:49:37 GMT",
                           "Sun, 00 Nov 1994 08:49:37 GMT",
                           "Sun, 31 Nov 1994 08:49:37 GMT",
                           "Wed, 29 Feb 2100 00:00:00 GMT",
                           "Sun, 06 nov 1994 08:49:37 GMT",
                           "Sun, 06 Noo 1994 08:49:37 GMT",
                           "Sun, 06 vDe 1994 08:49:37 GMT",
                           "Day, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 0000 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:00:00 GMT",
                           "Sun, 06 Nov 1994 08:60:37 GMT",
                           "Sun, 06 Nov 1994 08:49:61 GMT",
                           "Sun, 06 Nov 1994 08-49-37 GMT",
                           "Sun, 06 Nov 19x4 08:49:37 GMT",
                           "Sun. 06 Nov 1994 08:49:37 GMT",
                           "Sun,_06 Nov 1994 08:49:37 GMT"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(parse_http_date(text));
  }
}
