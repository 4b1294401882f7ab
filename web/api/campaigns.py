"""/campaigns: one text to everybody on a list, approved by a second, at a rate, and stopped at any moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal

from audit import campaigns
from dispatch.campaigning import CannotRun, Changed, Progress
from dispatch.campaigns.previewing import Example
from dispatch.campaigns.reporting import Line
from model.access import Permission
from web.api.campaign_shapes import (
    Approval,
    Approved,
    CampaignEnded,
    CampaignIn,
    CampaignOut,
    CampaignPreview,
    CampaignReportOut,
    CampaignsOut,
    Decided,
    ExampleOut,
    LineOut,
    PreviewAsked,
    ProgressOut,
    RateIn,
)
from web.api.problems import Problem, Trouble
from web.api.route import LIVE, Call, Done, Route, found
from web.api.shapes import Taken

SAME = (
    "id", "state", "reason", "version", "people", "planned", "skipped", "waiting", "left", "delivered", "failed",
    "cancelled", "to_go", "rate", "ends_at",
)  # fmt: skip
COUNTED = (
    "variant", "planned", "sent", "delivered", "coverage", "delivery_rate", "cancelled", "waiting", "unknown",
    "replied", "opted_out", "linked", "clicked", "segments",
)  # fmt: skip


def list_campaigns(call: Call, _: Taken) -> CampaignsOut:
    """List campaigns with how far they are, newest first."""
    return CampaignsOut(data=[_progress(one) for one in call.office.campaigns.listing()])


def post_campaign(call: Call, given: CampaignIn) -> Done:
    """Make a campaign of a rule and a list. Nothing is sent before somebody else approved it and it is started."""
    with _told():
        campaign_id = call.office.campaigns.prepare(given.rule, given.list_id, call.key.actor, call.now)
    return Done(answer=_shown(call, campaign_id), location=f"{call.office.address}/api/v1/campaigns/{campaign_id}")


def get_campaign(call: Call, _: Taken) -> CampaignOut:
    """Read one campaign: who made, approved and changed it, and how far it is."""
    return _shown(call, _id(call))


def preview_campaign(call: Call, asked: PreviewAsked) -> CampaignPreview:
    """Plan a campaign dry: whom it would reach, with what, at what cost, and until when."""
    with _told():
        seen = call.office.campaigns.preview(_id(call), call.now, sample=asked.sample)
    return CampaignPreview(
        people=seen.people, doubles=seen.doubles, wrong=seen.wrong, opted_out=seen.opted_out, planned=seen.planned,
        texts=seen.texts, segments=seen.segments, skipped=dict(seen.skipped), variants=dict(seen.variants),
        costs=_money(seen.costs), unpriced=seen.unpriced, starts_at=seen.starts_at, ends_at=seen.ends_at,
        examples=[_example(call, one) for one in seen.examples],
    )  # fmt: skip


def approve_campaign(call: Call, given: Decided) -> Done:
    """Approve a campaign that another key or person made."""
    campaign_id = _id(call)
    with _told():
        missing = call.office.campaigns.approve(campaign_id, call.key.actor, call.now, given.version)
    return Done(answer=Approved(id=campaign_id, missing=missing))


def start_campaign(call: Call, given: Decided) -> Done:
    """Let an approved campaign run, or one that was paused or has stopped go on."""
    return _done(call, call.office.campaigns.start, given)


def pause_campaign(call: Call, given: Decided) -> Done:
    """Let nothing of a campaign leave until it is started again."""
    return _done(call, call.office.campaigns.pause, given)


def cancel_campaign(call: Call, given: Decided) -> Done:
    """End a campaign for good; what waits does not leave."""
    campaign_id = _id(call)
    with _told():
        ended = call.office.campaigns.cancel(campaign_id, call.key.actor, call.now, given.version)
    return Done(answer=CampaignEnded(id=campaign_id, ended=ended))


def set_rate(call: Call, given: RateIn) -> Done:
    """Set a campaign's rate or budget, also while it runs."""
    campaign_id = _id(call)
    with _told():
        call.office.campaigns.change(
            campaign_id, call.key.actor, call.now, rate=given.rate, budget=given.budget, expected=given.version
        )
    return Done(answer=_shown(call, campaign_id))


def report_campaign(call: Call, _: Taken) -> CampaignReportOut:
    """Read what came of a campaign: delivered, failed by reason, replies, opt-outs and costs, per variant."""
    with _told():
        seen = call.office.campaigns.report(_id(call), call.now)
    return CampaignReportOut(
        progress=_progress(seen.progress), total=_line(seen.total), variants=[_line(one) for one in seen.variants],
        estimated=_money(seen.estimated),
    )  # fmt: skip


def _done(call: Call, do: Callable[..., None], given: Decided) -> Done:
    campaign_id = _id(call)
    with _told():
        do(campaign_id, call.key.actor, call.now, given.version)
    return Done(answer=_shown(call, campaign_id))


@contextmanager
def _told() -> Iterator[None]:
    """Tell what does not go as a problem."""
    try:
        yield
    except Changed as error:
        raise Problem(Trouble.CHANGED, str(error)) from None
    except CannotRun as error:
        raise Problem(Trouble.CANNOT_RUN, str(error)) from None


def _id(call: Call) -> str:
    """Return the campaign that the address names. Raises Problem."""
    with call.store.read() as tx:
        row = found(campaigns.get(tx, call.names["campaign_id"]), "There is no such campaign.")
    return str(row["id"])


def _shown(call: Call, campaign_id: str) -> CampaignOut:
    with _told():
        seen = call.office.campaigns.show(campaign_id, call.now)
    return CampaignOut(
        progress=_progress(seen.progress), rule=seen.rule, list_id=seen.list_id, made_by=seen.made_by,
        made_at=seen.made_at, approvals=[Approval(by=who, at=when) for who, when in seen.approvals],
        approvals_needed=seen.approvals_needed, changed=seen.changed, changed_by=seen.changed_by,
        changed_at=seen.changed_at, started_at=seen.started_at, ended_at=seen.ended_at,
    )  # fmt: skip


def _progress(one: Progress) -> ProgressOut:
    return ProgressOut(**{name: getattr(one, name) for name in SAME}, parked=dict(one.parked), held=dict(one.held))


def _line(one: Line) -> LineOut:
    counted = {name: getattr(one, name) for name in COUNTED}
    return LineOut(**counted, skipped=dict(one.skipped), failed=dict(one.failed), costs=_money(one.costs))


def _example(call: Call, one: Example) -> ExampleOut:
    return ExampleOut(
        row=one.row, number=call.number(one.number), code=one.code, detail=call.text(one.detail), variant=one.variant,
        locale=one.locale, text=call.text(one.text), segments=one.segments, leaves_at=one.leaves_at,
    )  # fmt: skip


def _money(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {currency: f"{amount:f}" for currency, amount in amounts.items()}


ID = {"campaign_id": "The campaign's id, such as spring-news.2."}
DECIDES = (Trouble.CANNOT_RUN, Trouble.CHANGED)


def _decides(do: str, view: Callable[..., Done], gives: type, **more: object) -> Route:
    """Declare a route by which somebody decides on a campaign."""
    given = {"needs": Permission.SEND, "takes": Decided, "troubles": DECIDES, **more}
    return Route(
        method="POST", path=f"/campaigns/{{campaign_id}}/{do}", view=view, gives=gives, way="acts", kinds=LIVE,
        names=ID, **given,  # type: ignore[arg-type]
    )  # fmt: skip


ROUTES = (
    Route(path="/campaigns", view=list_campaigns, needs=Permission.READ, gives=CampaignsOut),
    Route(
        method="POST", path="/campaigns", view=post_campaign, needs=Permission.SEND, takes=CampaignIn,
        gives=CampaignOut, status=201, way="acts", kinds=LIVE, troubles=(Trouble.CANNOT_RUN,),
    ),
    Route(path="/campaigns/{campaign_id}", view=get_campaign, needs=Permission.READ, gives=CampaignOut, names=ID),
    Route(
        path="/campaigns/{campaign_id}/preview", view=preview_campaign, needs=Permission.READ, takes=PreviewAsked,
        gives=CampaignPreview, names=ID, troubles=(Trouble.CANNOT_RUN,),
    ),
    _decides("approve", approve_campaign, Approved, needs=Permission.APPROVE),
    _decides("start", start_campaign, CampaignOut, wakes=True),
    _decides("pause", pause_campaign, CampaignOut),
    _decides("cancel", cancel_campaign, CampaignEnded),
    _decides("rate", set_rate, CampaignOut, takes=RateIn, example={"rate": "20/s"}),
    Route(
        path="/campaigns/{campaign_id}/report", view=report_campaign, needs=Permission.READ, gives=CampaignReportOut,
        names=ID, troubles=(Trouble.CANNOT_RUN,),
    ),
)  # fmt: skip
