"""AI-energy annex, in Chinese, to an organisation's report by GB/T 32150-2015.

GB/T 32150-2015 《工业企业温室气体排放核算和报告通则》: purchased electricity is accounted as
E = AD x EF, activity data in MWh times the factor of the grid in tCO2/MWh, with year and source.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from lichen.carbon.grids.averages import SOURCES, YearlyAverage, table
from lichen.carbon.intensity import Scope
from lichen.carbon.reports.activity import Activity
from lichen.carbon.reports.amounts import Amount, exactly, total
from lichen.carbon.reports.booked import NG_PER_NJ
from lichen.carbon.reports.figures import (
    Figure,
    Line,
    Origin,
    Section,
    absent,
    counted,
    declared,
    figure,
)
from lichen.carbon.reports.footprints import Footprint
from lichen.carbon.reports.zone_names import NAMES
from lichen.core.clock import rfc3339

TITLE = "人工智能用能附表（附于按 GB/T 32150-2015 编制的温室气体排放报告）"
NOTES = (
    "依据 GB/T 32150-2015《工业企业温室气体排放核算和报告通则》：购入电力产生的排放按活动数据"
    "乘以排放因子计算，E = AD × EF。本表是组织报告的附表，不能代替组织自身的排放报告。",
    "合计先以整数纳焦耳和纳克计算，再一次性修约；各分项分别修约，与合计的末位可能相差一个单位。",
    "排放因子仅含发电环节的二氧化碳；全国因子与省级、区域因子不得相加，仅供对照。",
)
NATION = "CN"
_ANNOUNCEMENT = {
    ("mee", 2023): (
        "生态环境部、国家统计局《关于发布2023年电力二氧化碳排放因子的公告》（公告2025年第47号）"
    )
}
_US_PER_HOUR = 3_600_000_000
_OUTSIDE = (
    "化石燃料燃烧、工业过程、购入热力、输出电力和热力：计量仪表不可见，由组织另行核算",
    "本平台主机以外的设备：网络、客户端、其他服务器",
    "设备制造的隐含碳：不属于本标准的核算范围",
)


def sections(activity: Activity) -> tuple[Section, ...]:
    """Boundary, activity data by zone, factors, emissions."""
    by_zone = _by_zone(activity)
    return (
        Section("核算边界", tuple(_boundary(activity)), tuple(_facts(activity)), _OUTSIDE),
        Section("活动数据", tuple(_activity_data(activity, by_zone))),
        Section("排放因子", tuple(_factors(by_zone))),
        Section("排放量", tuple(_emissions(activity, by_zone))),
    )


def _by_zone(activity: Activity) -> Mapping[str, Footprint]:
    zones: dict[str, Footprint] = defaultdict(Footprint)
    for grid, made in activity.grids.items():
        zones[grid.zone] += made
    return zones


def _boundary(activity: Activity) -> Iterator[Figure]:
    extent = activity.extent
    said = f"账本，截至第 {extent.as_of} 条"
    line = Line("metered", "计量时间", "h", "已入账时间窗口之和")
    yield _in_chinese(counted(line, Fraction(extent.metered_us, _US_PER_HOUR), said))
    if activity.asked_us:
        line = Line("coverage", "计量时间占比", "%", "计量时间 / 报告期")
        share = Fraction(100 * extent.metered_us, activity.asked_us)
        yield _in_chinese(counted(line, share, said))
    line = Line("gaps", "中断时间", "h", "已入账的中断之和")
    said = f"{said}；中断 {extent.gaps} 次"
    yield _in_chinese(counted(line, Fraction(extent.gap_us, _US_PER_HOUR), said))


def _facts(activity: Activity) -> Iterator[tuple[str, str]]:
    yield "范围内", "本平台主机的人工智能训练、推理及其待机、系统开销和建筑附加用电"
    extent = activity.extent
    if extent.first is not None and extent.last is not None:
        yield "首条记录时间", rfc3339(extent.first)
        yield "末条记录时间", rfc3339(extent.last)


def _activity_data(activity: Activity, by_zone: Mapping[str, Footprint]) -> Iterator[Figure]:
    line = Line("ad.computers", "计算设备用电量", "MWh", "电表或模型读数 - 主机上其他程序")
    yield figure(line, activity.platform.energy, _origin(activity, activity.platform))
    for zone, made in by_zone.items():
        formula = "计算设备用电量 × PUE"
        line = Line(f"ad.{zone}", f"购入电量 AD：{_name(zone)}", "MWh", formula)
        yield figure(line, made.facility, _origin(activity, made))
    line = Line("ad", "购入电量 AD，合计", "MWh", "各地区之和")
    yield figure(line, activity.platform.facility, _origin(activity, activity.platform))


def _origin(activity: Activity, made: Footprint) -> Origin:
    method = made.method if made.methods else activity.platform.method
    pues = "、".join(f"{pue:g}" for pue in activity.pues)
    said = f"账本，截至第 {activity.extent.as_of} 条；电能来源：{'、'.join(activity.meters)}"
    return Origin(method, f"{said}；PUE {pues}")


def _factors(by_zone: Mapping[str, Footprint]) -> Iterator[Figure]:
    for zone in dict.fromkeys((*by_zone, NATION)):
        line = Line(f"ef.{zone}", f"电力排放因子 EF：{_name(zone)}", "tCO2/MWh", "公布值")
        row = _factor(zone)
        if row is None:
            yield absent(line, f"{zone} 不是有公布排放因子的中国地区：请设置 zone")
            continue
        yield _in_chinese(declared(line, exactly(row.g_per_kwh) / 1000, _source(row)))


def _factor(zone: str) -> YearlyAverage | None:
    row = table().get(zone)
    is_chinese = zone == NATION or zone.startswith(f"{NATION}-")
    return row if row is not None and is_chinese and row.scope is Scope.DIRECT else None


def _source(row: YearlyAverage) -> str:
    name = next((key for key, text in SOURCES.items() if text == row.source), "")
    return f"{_ANNOUNCEMENT.get((name, row.year), row.source)}，{row.year} 年"


def _emissions(activity: Activity, by_zone: Mapping[str, Footprint]) -> Iterator[Figure]:
    lacking: list[str] = []
    amounts: list[Amount] = []
    for zone, made in by_zone.items():
        line = Line(f"e.{zone}", f"购入电力排放 E：{_name(zone)}", "tCO2", "E = AD × EF")
        row = _factor(zone)
        if row is None:
            lacking.append(zone)
            yield absent(line, f"没有 {zone} 的排放因子")
            continue
        amounts.append(_times(made, row))
        yield figure(line, amounts[-1], _priced(activity, made, row))
    line = Line("e", "购入电力排放 E，合计", "tCO2", "各地区之和")
    if lacking:
        yield absent(line, f"没有 {'、'.join(lacking)} 的排放因子")
    else:
        yield figure(line, total(amounts), _origin(activity, activity.platform))
    yield from _by_nation(activity, bool(lacking))


def _by_nation(activity: Activity, is_abroad: bool) -> Iterator[Figure]:  # noqa: FBT001
    """The same energy at the nation's factor, to compare with."""
    line = Line("e.nation", "对照：全部按全国平均因子", "tCO2", "E = AD × EF（全国）")
    row = _factor(NATION)
    if row is None or is_abroad:
        yield absent(line, "部分用电不在中国，不适用全国因子")
        return
    made = activity.platform
    yield figure(line, _times(made, row), _priced(activity, made, row))


def _times(made: Footprint, row: YearlyAverage) -> Amount:
    return made.facility.times(exactly(row.g_per_kwh) * NG_PER_NJ)


def _priced(activity: Activity, made: Footprint, row: YearlyAverage) -> Origin:
    origin = _origin(activity, made)
    said = f"{origin.provenance}；EF：{_source(row)}"
    return Origin(origin.method, said, "90 %，仅含电量；排放因子未公布区间")


def _name(zone: str) -> str:
    name = NAMES.get(zone)
    return f"{name}（{zone}）" if name else zone


def _in_chinese(one: Figure) -> Figure:
    says = {"counted": "计数：精确", "declared": "来源未公布区间"}
    return replace(one, origin=replace(one.origin, interval=says[one.origin.method]))
