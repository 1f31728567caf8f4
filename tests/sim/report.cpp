#include "tests/sim/report.h"

#include "base/json_writer.h"
#include "tests/sim/text.h"

namespace edgeroom::sim {

namespace {

void append_number(JsonObjectWriter& object, std::string_view key, double value) {
  object.raw(key, text_of(value, 5));
}

std::string array_of(const std::vector<double>& values) {
  std::string out = "[";
  for (const double value : values) {
    if (out.size() > 1) out.push_back(',');
    out += text_of(value, 3);
  }
  return out + "]";
}

std::string json_of_floods(const std::vector<FloodResult>& floods) {
  std::string out;
  JsonObjectWriter object(out);
  append_number(object, "first", first_window(floods));
  append_number(object, "steady", steady_windows(floods));
  append_number(object, "late", late_windows(floods));
  append_number(object, "worst_seed", worst_steady(floods));
  uint64_t requests = 0;
  Kv::Counts kv;
  std::string windows = "[";
  for (const FloodResult& flood : floods) {
    requests += flood.requests;
    kv.reads += flood.kv.reads;
    kv.writes += flood.kv.writes;
    if (windows.size() > 1) windows.push_back(',');
    windows += array_of(flood.admitted);
  }
  object.integer("requests", requests);
  object.integer("kv_reads", kv.reads);
  object.integer("kv_writes", kv.writes);
  object.raw("windows_by_seed", windows + "]");
  object.close();
  return out;
}

std::string json_of_honest(const HonestResult& result) {
  std::string out;
  JsonObjectWriter object(out);
  object.integer("requests", result.requests);
  object.integer("denied", result.denied);
  object.integer("kv_reads", result.kv.reads);
  object.integer("kv_writes", result.kv.writes);
  object.integer("kv_awaited", result.kv.awaited);
  object.close();
  return out;
}

std::string json_of_row(const Figures& figures) {
  std::string out;
  JsonObjectWriter object(out);
  object.string("algorithm", figures.algorithm);
  object.raw("A", json_of_honest(figures.steady));
  object.raw("C", json_of_honest(figures.roaming));
  object.raw("H", json_of_honest(figures.mixed));
  object.raw("greedy", json_of_honest(figures.greedy));
  object.raw("bursts", json_of_honest(figures.bursts));
  object.raw("light", json_of_honest(figures.light));
  for (size_t i = 0; i < kFloods.size(); i++) {
    object.raw(kFloods[i].name, json_of_floods(figures.floods[i]));
  }
  object.close();
  return out;
}

std::string json_of_section(const Section& section) {
  std::string out = "[";
  for (const Finding& finding : section.findings) {
    if (out.size() > 1) out.push_back(',');
    JsonObjectWriter object(out);
    object.string("figure", finding.figure);
    object.boolean("ok", finding.ok);
    object.string("said", finding.said);
    object.close();
  }
  return out + "]";
}

template <typename Item, typename Write>
std::string json_list(const std::vector<Item>& items, Write write) {
  std::string out = "[";
  for (const Item& item : items) {
    if (out.size() > 1) out.push_back(',');
    out += write(item);
  }
  return out + "]";
}

}  // namespace

std::string table_of(const std::vector<Figures>& rows) {
  std::string out =
      "| algorithm | false denies % A / C / H | D | J | E | KV reads / writes per 1,000 (H) |\n"
      "|---|---|---|---|---|---|\n";
  for (const Figures& row : rows) {
    out += "| " + row.algorithm + " | " + text_of(row.steady.denied_percent(), 2) + " / " +
           text_of(row.roaming.denied_percent(), 2) + " / " +
           text_of(row.mixed.denied_percent(), 2) + " |";
    for (const std::vector<FloodResult>& floods : row.floods) {
      out +=
          " " + text_of(first_window(floods), 2) + "→" + text_of(steady_windows(floods), 2) + " |";
    }
    out += " " + text_of(row.mixed.a_thousand(row.mixed.kv.reads), 1) + " / " +
           text_of(row.mixed.a_thousand(row.mixed.kv.writes), 1) + " |\n";
  }
  return out;
}

std::string text_of(const Section& section) {
  std::string out = section.name + "\n";
  for (const Finding& finding : section.findings) {
    out += (finding.ok ? "  ok      " : "  FAILED  ") + finding.figure + ": " + finding.said + "\n";
  }
  return out;
}

std::string json_of(const std::vector<Figures>& rows, const std::vector<Section>& sections) {
  std::string out;
  JsonObjectWriter object(out);
  object.integer("limit", 100);
  object.integer("window_s", 60);
  object.integer("windows", kWindows);
  object.integer("seeds", kSeeds);
  object.raw("algorithms", json_list(rows, json_of_row));
  for (const Section& section : sections) object.raw(section.name, json_of_section(section));
  object.close();
  out.push_back('\n');
  return out;
}

}  // namespace edgeroom::sim
