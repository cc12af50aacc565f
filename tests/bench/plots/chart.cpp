// Draws. Bars of one unit share one scale, so that groups can be compared with each other.
#include "tests/bench/plots/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

namespace bench {

namespace {

constexpr double width = 820;
constexpr double bars_left = 120;
constexpr double bars_right = 640;
constexpr double bar_height = 13;
constexpr double bar_step = 18;
constexpr double title_height = 44;
constexpr double caption_height = 26;
constexpr double group_gap = 12;
constexpr double footer_height = 40;

// Middle tones: pages show pictures on white and on black, and not all of them say which.
constexpr const char* style = R"(<style>
text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #6e7781; }
.title { font-size: 16px; font-weight: 600; }
.caption { font-weight: 600; }
.ours { font-weight: 600; fill: #2f81f7; }
.small { font-size: 11px; }
rect { fill: #a5adb6; }
rect.ours { fill: #2f81f7; }
rect.raw { fill: none; stroke: #8c959f; stroke-dasharray: 3 2; }
line { stroke: #6e7781; stroke-width: 1; }
line.grid { stroke-opacity: 0.3; }
</style>
)";

std::string format(const char* pattern, auto... values) {
    char text[512];
    std::snprintf(text, sizeof text, pattern, values...);
    return text;
}

std::string escaped(const std::string& text) {
    std::string result;
    for (const char c : text) {
        if (c == '&') result += "&amp;";
        else if (c == '<') result += "&lt;";
        else result += c;
    }
    return result;
}

std::string text_at(double x, double y, const char* kind, const std::string& text,
                    const char* anchor = "start") {
    return format("<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" text-anchor=\"%s\">", x, y, kind,
                  anchor) + escaped(text) + "</text>\n";
}

std::string line_from(double x1, double y1, double x2, double y2, const char* kind) {
    return format("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1, y1,
                  x2, y2, kind);
}

// 51.2, 2,349, 1.4 M: three or four digits that mean something.
std::string readable(double value) {
    if (value >= 1e6) return format("%.3g M", value / 1e6);
    if (value < 100) return format("%.3g", value);
    const std::string digits = format("%.0f", value);
    if (digits.size() <= 3) return digits;
    return digits.substr(0, digits.size() - 3) + "," + digits.substr(digits.size() - 3);
}

// From the value to the place on the page.
class Scale {
   public:
    explicit Scale(bool logarithmic) : logarithmic_(logarithmic) {}

    void include(double value) {
        max_ = std::max(max_, value);
        min_ = min_ == 0 ? value : std::min(min_, value);
    }

    double at(double value) const {
        const double share = logarithmic_ ? (std::log10(value) - low()) / (std::log10(max_) - low())
                                          : value / max_;
        return bars_left + std::clamp(share, 0.0, 1.0) * (bars_right - bars_left);
    }

    std::vector<double> marks() const {
        std::vector<double> marks;
        if (logarithmic_) {
            for (double mark = std::pow(10, low()); mark <= max_; mark *= 10) marks.push_back(mark);
            return marks;
        }
        const double step = std::pow(10, std::floor(std::log10(max_)));
        const double wide = max_ / step < 2.5 ? step / 2 : max_ / step < 5 ? step : 2 * step;
        for (double mark = 0; mark <= max_; mark += wide) marks.push_back(mark);
        return marks;
    }

   private:
    // The decade below the smallest, so that its bar is one.
    double low() const { return std::floor(std::log10(min_ * 0.8)); }
    const bool logarithmic_;
    double min_ = 0;
    double max_ = 0;
};

using Scales = std::map<std::string, Scale>;

Scales scales_of(const Chart& chart) {
    Scales scales;
    for (const Group& group : chart.groups) {
        for (const Record& bar : group.bars) {
            Scale& scale = scales.try_emplace(bar.unit, chart.logarithmic).first->second;
            scale.include(bar.min);
            scale.include(bar.max);
        }
    }
    return scales;
}

const char* kind_of(const Record& bar) {
    return bar.contender == "ours" ? "ours" : bar.contender == "raw" ? "raw" : "peer";
}

// As a reader of the chart knows them.
std::string name_of(const Record& bar) {
    if (bar.contender == "ours") return "volley";
    std::string name = bar.contender;
    std::replace(name.begin(), name.end(), '-', ' ');
    return name;
}

std::string draw_bar(const Record& bar, const Scale& scale, double top) {
    const char* const kind = kind_of(bar);
    const double middle = top + bar_height / 2;
    const double end = scale.at(bar.value);
    const double least = scale.at(bar.min);
    const double most = scale.at(bar.max);
    std::string svg = text_at(bars_left - 8, middle + 4, kind, name_of(bar), "end");
    svg += format("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"%s\"/>\n",
                  bars_left, top, std::max(end - bars_left, 1.0), bar_height, kind);
    if (most - least > 1) svg += line_from(least, middle, most, middle, "spread");
    std::string label = readable(bar.value) + " " + bar.unit;
    if (bar.contender != "ours" && bar.ratio > 0) {
        label += format(bar.ratio < 10 ? "  (%.2gx)" : "  (%.0fx)", bar.ratio);
    }
    return svg + text_at(std::max(end, most) + 7, middle + 4, kind, label);
}

std::string draw_grid(const Scale& scale, double top, double bottom) {
    std::string svg;
    for (const double mark : scale.marks()) {
        svg += line_from(scale.at(mark), top, scale.at(mark), bottom, "grid");
    }
    return svg;
}

double height_of(const Group& group) {
    return caption_height + bar_step * static_cast<double>(group.bars.size()) + group_gap;
}

std::string draw_group(const Group& group, const Scales& scales, double top) {
    const Scale& scale = scales.at(group.bars[0].unit);
    const double first = top + caption_height;
    std::string svg = text_at(12, first - 9, "caption", group.caption);
    svg += draw_grid(scale, first - 3, first + bar_step * static_cast<double>(group.bars.size()));
    for (std::size_t i = 0; i < group.bars.size(); i++) {
        svg += draw_bar(group.bars[i], scale, first + bar_step * static_cast<double>(i));
    }
    return svg;
}

std::string explanation(const Chart& chart) {
    const std::string unit = chart.groups[0].bars[0].unit;
    return std::string(unit == "1/s" ? "Shorter is better, of 1/s longer" : "Shorter is better") +
           (chart.logarithmic ? ", logarithmic" : "") +
           "; (2x): volley is twice as good; line: least to most of all rounds; raw: the limit in"
           " system calls.";
}

}  // namespace

std::string svg_of(const Chart& chart) {
    const Scales scales = scales_of(chart);
    double height = title_height + footer_height;
    for (const Group& group : chart.groups) height += height_of(group);
    std::string svg = format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
                             "height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n",
                             width, height, width, height);
    svg += style + text_at(12, 28, "title", chart.title);
    double top = title_height;
    for (const Group& group : chart.groups) {
        svg += draw_group(group, scales, top);
        top += height_of(group);
    }
    svg += text_at(12, top + 12, "small", explanation(chart));
    svg += text_at(12, top + 28, "small", chart.footer);
    return svg + "</svg>\n";
}

}  // namespace bench
