"""Which gateway carries what: the table of routes, draws by weight, prices, and retries that go elsewhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import settings
from dispatch import prices
from dispatch.roads import Roads, Sign, country_of, drawn
from dispatch.route import Road, Wait, choose, retry_at
from model.message import Lane, Message, Recipient
from model.reasons import ConfigError
from model.sending import ErrorClass, Outcome, Result
from model.steering import Pause, Pin, Steering

NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
TABLE = """\
gateway,to,price,currency,since
a,DE,0.0700,EUR,2026-01-01
a,DE,0.0900,EUR,2026-11-20
a,+49171,0.0500,EUR,
b,DE,0.0800,EUR,2026-01-01
b,FR,0.0600,EUR,2026-01-01
c,*,0.0600,EUR,2026-12-01
c,FR,0.0600,EUR,
"""


def message(**more: Any) -> Message:
    given = Message(
        id="m1", event_id="e1", source="shop", rule="order", rule_hash="", recipient=Recipient(number="+491713920012"),
        text="Hi", encoding="gsm7", segments=1, lane=Lane.NORMAL, created_at=NOW, due_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )  # fmt: skip
    return replace(given, **more)


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+12025550123", "US"), ("+14165550123", "CA"), ("+18765550123", "JM"), ("+17875550123", "PR"),
        ("+447700900123", "GB"), ("+491713920012", "DE"), ("+79161234567", "RU"), ("+77011234567", "KZ"),
        ("+35312345678", "IE"), ("+870773111632", ""), ("12345", ""), ("+", ""), ("", ""), ("+999", ""),
    ],
)  # fmt: skip
def test_the_country_of_a_number_is_known_also_where_the_range_is_not_in_use(number: str, country: str) -> None:
    assert country_of(number) == country


SIGNS = (
    Sign(lane=frozenset({"otp"}), country=frozenset({"US", "CA"}), use=("codes",)),
    Sign(country=frozenset({"US", "CA"}), use=("us_route", "main")),
    Sign(prefix=("+4917", "+4916"), use=("mobile",)),
    Sign(sender=frozenset({"ACME"}), use=("acme",)),
    Sign(category=frozenset({"news"}), lane=frozenset({"bulk", "normal"}), use=("cheap",)),
)


@pytest.mark.parametrize(
    ("number", "more", "expected"),
    [
        ("+12025550123", {}, ("us_route", "main")),
        ("+14165550123", {"lane": Lane.OTP}, ("codes",)),
        ("+491713920012", {"sender": "ACME"}, ("mobile",)),
        ("+493023125001", {"sender": "ACME"}, ("acme",)),
        ("+447700900123", {"category": "news"}, ("cheap",)),
        ("+447700900123", {"category": "news", "lane": Lane.HIGH}, ("main",)),
        ("+447700900123", {}, ("main",)),
    ],
)
def test_the_first_row_that_fits_decides(number: str, more: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert Roads(order=("main",), signs=SIGNS).way(message(**more), number).gateways == expected


def test_a_draw_by_weight_is_fair_and_the_same_at_every_retry() -> None:
    weights = {"a": 70.0, "b": 20.0, "c": 10.0}
    firsts = Counter(drawn(weights, f"m{n}")[0] for n in range(10_000))

    assert [round(firsts[name] / 10_000, 2) for name in weights] == pytest.approx([0.7, 0.2, 0.1], abs=0.015)
    assert all(drawn(weights, f"m{n}") == drawn(dict(reversed(weights.items())), f"m{n}") for n in range(100))
    assert all(sorted(drawn(weights, f"m{n}")) == ["a", "b", "c"] for n in range(100))


@pytest.mark.parametrize(
    ("number", "day", "expected"),
    [
        ("+491713920012", date(2026, 11, 23), ("a", "b", "c")),  # the longest prefix of a beats its country
        ("+493023125001", date(2026, 11, 23), ("b", "a", "c")),  # the newest price in force counts; c has none yet
        ("+493023125001", date(2026, 11, 19), ("a", "b", "c")),
        ("+493023125001", date(2026, 12, 1), ("c", "b", "a")),
        ("+33612345678", date(2026, 11, 23), ("b", "c", "a")),  # a tie keeps the written order, no price is last
    ],
)
def test_the_cheapest_gateway_of_the_day_is_first(number: str, day: date, expected: tuple[str, ...]) -> None:
    table, problems = prices.read(TABLE, "prices.csv")
    roads = Roads(signs=(Sign(cheapest=("a", "b", "c")),), prices=table)

    made = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    assert (roads.way(message(created_at=made), number).gateways, problems) == (expected, [])


SETTINGS = """
[gateways.main]
kind = "console"
[gateways.backup]
kind = "console"
[routes]
order = ["main", "backup"]
"""


def loaded(folder: Path, rows: str, table: str = "") -> settings.Settings:
    if table:
        (folder / "prices.csv").write_text(table)
        rows = f'prices = "{folder}/prices.csv"\n{rows}'
    (folder / "tidings.toml").write_text(SETTINGS + rows)
    return settings.load(folder / "tidings.toml", {})


def test_routes_are_read_with_orders_weights_and_single_words(tmp_path: Path) -> None:
    rows = """
[[routes.when]]
country = "US"
use = {main = 80, backup = 20}
[[routes.when]]
lane = ["otp"]
use = ["backup", "main"]
[[routes.when]]
cheapest = ["main", "backup"]
"""
    table = "gateway,to,price,currency,since\nmain,*,0.07,EUR,\nbackup,*,0.06,EUR,\n"
    roads = loaded(tmp_path, rows, table).roads()

    assert roads.signs[0].weights == {"main": 80, "backup": 20}
    assert roads.way(message(lane=Lane.OTP), "+447700900123").gateways == ("backup", "main")
    assert roads.way(message(), "+447700900123").gateways == ("backup", "main")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ('use = ["mian"]', "routes.when[1] names the gateway 'mian', which is not there. Did you mean main?"),
        ('country = ["UK"]\nuse = ["main"]', "names the country 'UK', which is no ISO code such as DE or US; write GB"),
        ('country = ["Germany"]\nuse = ["main"]', "names the country 'Germany'"),
        ('lane = ["code"]\nuse = ["main"]', "names the lane 'code'; lanes are otp, high, normal, bulk"),
        ('prefix = ["0171"]\nuse = ["main"]', "has the prefix '0171', which does not read like +4917"),
        ("use = {main = 0, backup = 1}", "gives main the weight 0; a weight is above 0"),
        ("use = {main = -3}", "gives main the weight -3"),
        ("use = {main = inf}", "gives main the weight inf"),
        ('use = ["main", "main"]', "names main twice"),
        ('country = "DE"', "needs either use or cheapest."),
        ('use = ["main"]\ncheapest = ["main"]', "needs either use or cheapest, not both"),
        ("use = 3", 'routes.when[1].use is an order, ["main", "backup"], or weights'),
        ('contry = "DE"\nuse = ["main"]', "There is no setting 'routes.when[1].contry'. Did you mean country?"),
        ('cheapest = ["main"]', "there is no price table"),
        ('use = ["main"]\n[[routes.when]]\nlane = "otp"\nuse = ["backup"]', "routes.when[2] is never reached"),
        ('lane = ["otp", "high"]\nuse = ["main"]\n[[routes.when]]\nlane = "otp"\ncountry = "DE"\nuse = ["backup"]',
         "routes.when[2] is never reached: all it is for is taken by routes.when[1] above it"),
        ('prefix = "+49"\nuse = ["main"]\n[[routes.when]]\nprefix = ["+4917"]\nuse = ["backup"]', "never reached"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_refused_in_words(tmp_path: Path, rows: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, f"[[routes.when]]\n{rows}")

    assert any(said in str(problem) for problem in refused.value.problems), str(refused.value)


@pytest.mark.parametrize(
    "rows",
    [
        'lane = "otp"\nuse = ["main"]\n[[routes.when]]\ncountry = "DE"\nuse = ["backup"]',
        'country = "DE"\nlane = "otp"\nuse = ["main"]\n[[routes.when]]\ncountry = "DE"\nuse = ["backup"]',
        'prefix = "+4917"\nuse = ["main"]\n[[routes.when]]\nprefix = ["+4917", "+4916"]\nuse = ["backup"]',
    ],
)
def test_rows_that_only_overlap_are_fine(tmp_path: Path, rows: str) -> None:
    assert len(loaded(tmp_path, f"[[routes.when]]\n{rows}").routes.when) == 2


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("gateway,price\nmain,1\n", "to, currency, since is missing"),
        ("gateway,to,price,currency,since\nmain,DE,0.07,EUR,\nmain,DE,0.08,EUR,\n", ":3:1: main to DE has another"),
        ("gateway,to,price,currency,since\nmain,Germany,0.07,EUR,\n", ":2:1: to is a country such as DE"),
        ('gateway,to,price,currency,since\nmain,DE,"0,07",EUR,\n', "price is a number with a point such as 0.0735"),
        ("gateway,to,price,currency,since\nmain,DE,NaN,EUR,\n", "price is a number"),
        ("gateway,to,price,currency,since\nmain,DE,0.07,€,\n", "currency is three letters such as EUR"),
        ("gateway,to,price,currency,since\nmain,DE,0.07,EUR,1.11.2026\n", "since is a day such as 2026-11-01"),
        ("gateway,to,price,currency,since\nmain,DE\n", "price is a number"),
        ("gateway,to,price,currency,since\nmain,DE,1,EUR,\n", "backup has no row in the price table"),
        ("gateway,to,price,currency,since\nmain,DE,1,EUR,\nbackup,DE,1,USD,\n", "compares prices in EUR and USD"),
    ],
)
def test_a_wrong_price_is_refused_with_its_line(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, '[[routes.when]]\ncheapest = ["main", "backup"]', table)

    assert said in str(refused.value)


def test_a_price_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.csv.*cannot be read: No such file"):
        loaded(tmp_path, f'prices = "{tmp_path}/gone.csv"')


def test_a_retry_goes_elsewhere_while_another_gateway_is_awake() -> None:
    order = ["a", "b", "c"]

    assert choose(order, ["a"], {}, NOW) == Road("b")
    assert choose(order, ["a", "b"], {"c": LATER}, NOW) == Road("a")
    assert choose(order, ["a"], {"b": LATER, "c": LATER}, NOW) == Road("a")
    assert choose(order, [], {"a": LATER, "b": LATER, "c": NOW + timedelta(minutes=1)}, NOW) == Wait(
        NOW + timedelta(minutes=1)
    )


def test_a_throttled_text_keeps_its_place() -> None:
    slower = Result(outcome=Outcome.RETRY, error=ErrorClass.THROTTLE, retry_after=timedelta(seconds=40))
    mine = message(due_at=NOW - timedelta(minutes=1))

    assert retry_at(mine, 1, slower, others=True, now=NOW, jitter=1) == mine.due_at
    assert retry_at(mine, 1, slower, others=False, now=NOW, jitter=1) == NOW + timedelta(seconds=40)


def test_pins_and_pauses_change_an_order_and_nothing_else() -> None:
    def pin(gateway: str, *, away: bool = False) -> Pin:
        return Pin(gateway=gateway, away=away, reason="test", actor="Kim", since=NOW, until=LATER)

    stop = Pause(scope="gateway", name="a", spared=frozenset({"otp"}), reason="test", actor="Kim", since=NOW)

    assert Steering(pins=(pin("c"),)).steer(["a", "b", "c"], Lane.NORMAL) == ["c", "a", "b"]
    assert Steering(pins=(pin("d"),)).steer(["a", "b"], Lane.NORMAL) == ["a", "b"]
    assert Steering(pins=(pin("a", away=True),)).steer(["a", "b"], Lane.NORMAL) == ["b"]
    assert Steering(pauses=(stop,)).steer(["a"], Lane.NORMAL) == []
    assert Steering(pauses=(stop,)).steer(["a"], Lane.OTP) == ["a"]
