"""What a text from a phone wishes, in many languages and in both directions: what stops, and what must not."""

from __future__ import annotations

import pytest

from wire import keywords
from wire.keywords import fold, wish

WHOLE = {
    "stop": [
        "STOP", "Stop.", " stop!! ", "STOP STOP", "S\u200bTOP", "ＳＴＯＰ", "StopAll", "stop all",
        "Unsubscribe", "opt-out",
        "OPT OUT", "Quit", "END", "cancel", "Revoke", "remove", "TD", "Stopp", "ABMELDEN", "ende", "Arrêt", "ARRET",
        "désabonner", "Stop SMS", "Alto", "BAJA", "Parar", "cancelar", "Sair", "descadastrar", "Basta!",
        "disiscriviti",
        "Afmelden", "uitschrijven", "wypisz", "Avsluta", "avregistrera", "Afmeld", "Avmeld", "lopeta", "Odhlásit",
        "leiratkozás", "dezabonare", "İPTAL", "ret", "СТОП", "отписаться", "ΣΤΟΠ", "توقف", "הסר", "बंद करें", "退订",
        "停止", "配信停止", "수신거부",
    ],
    "start": ["START", "Unstop", "subscribe", "Starten", "reprendre", "Alta", "старт"],
    "help": ["HELP", "info?", "Hilfe", "Aide", "ayuda", "ajuda", "Aiuto", "pomoc", "Hjälp", "yardım", "帮助"],
}  # fmt: skip
ASKS_TO_STOP = [
    "please stop texting me", "Stop sending me these messages!", "STOP I never signed up for this",
    "No more texts please",
    "Take me off your list", "How do I unsubscribe?", "I want to opt out", "don't text me again", "Don’t contact me",
    "would you please leave me alone", "I revoke my consent",
    "bitte keine SMS mehr", "Ich möchte keine SMS mehr bekommen", "Bitte melden Sie mich ab", "Hört auf damit",
    "Ich will keine Nachrichten von euch", "löschen Sie bitte meine Nummer", "Keine Werbung!",
    "schreibt mir nicht mehr",
    "Arrêtez de m'envoyer des sms", "je ne veux plus recevoir vos messages", "Merci de me désabonner",
    "Ne m’envoyez plus rien", "supprimez mon numéro svp",
    "no quiero más mensajes", "Dejen de enviar mensajes", "quiero darme de baja", "por favor no me escriban",
    "Parem de enviar mensagens", "não quero receber mais nada", "me descadastre por favor",
    "non voglio più ricevere sms", "Basta con questi messaggi", "smettetela di scrivermi",
    "Graag geen sms meer", "Stop met sturen", "ik wil me afmelden",
    "Proszę nie wysyłać więcej wiadomości", "nie chcę już otrzymywać SMS",
    "Sluta skicka sms till mig", "vill inte ha fler sms", "Lad være med at sende flere", "ingen flere meldinger takk",
    "Lopettakaa viestien lähettäminen", "přestaňte mi posílat zprávy", "nem kérek több üzenetet",
    "vă rog nu mai trimiteți", "lütfen bana mesaj göndermeyin", "не присылайте мне больше", "не надсилайте більше",
    "μη μου στέλνετε άλλα", "لا ترسلوا لي رسائل", "תפסיקו לשלוח לי", "मैसेज बंद करो भाई", "请退订", "别再发短信了",
    "もう送らないでください", "문자 그만 보내세요",
]  # fmt: skip
SOMETHING_ELSE = [
    "yes", "No", "ok", "C", "1", "Thanks, see you", "👍", "", "???", "fine", "No problem",
    "meet me at the bus stop", "Can you stop by at 5?", "Is there a stop sign?", "It rains non-stop here",
    "The driver did not stop", "Don't stop the good work", "I'll get off at the next stop",
    "I don't want to unsubscribe",
    "At the end of the street", "Can I cancel my appointment?", "I need help with the door", "Where do we start?",
    "I will be there until the end", "my quit smoking class", "remove the old sofa please",
    "Am Ende der Straße links", "Der Film ist zu Ende", "ich habe keine SMS bekommen",
    "Ich bekomme leider keine SMS mehr",
    "Der Bus stoppt vor dem Haus", "Muss ich mein Kind abmelden?", "Hilfe bei der Tür wäre nett",
    "À l'arrêt de bus", "j'arrive dans 5 minutes, arrêt Mairie", "C'est la fin",
    "Vivo en un alto edificio", "¿Puedo cancelar la cita?", "la planta baja",
    "Vou sair às cinco", "Posso cancelar a consulta?", "Fine settimana va bene", "Basta così, grazie mille a voi",
    "Il treno ferma qui?", "Ik ontvang geen sms meer", "Bij de halte stop ik", "Koniec ulicy, po lewej",
    "Jag slutar klockan fem", "bussen stopper her", "En ole kotona", "Konec ulice vlevo", "İptal etmek mümkün mü?",
    "Остановка автобуса", "На автобусной остановке", "στη στάση", "我在公交车站", "バス停で待っています",
    "정류장에서 만나요",
]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in WHOLE.items() for text in texts])
def test_a_keyword_alone_is_understood_in_every_language(name: str, text: str) -> None:
    assert wish(text) == name


@pytest.mark.parametrize("text", ASKS_TO_STOP)
def test_a_longer_text_that_asks_to_stop_is_seen(text: str) -> None:
    assert wish(text) == keywords.PERHAPS_STOP


@pytest.mark.parametrize("text", SOMETHING_ELSE)
def test_a_text_about_something_else_opts_nobody_out(text: str) -> None:
    assert wish(text) == keywords.OTHER


def test_a_reaction_that_quotes_our_own_opt_out_line_is_no_opt_out() -> None:
    assert wish("Liked “Your order A7 is confirmed. Reply STOP to opt out”") == keywords.OTHER
    assert wish('Reacted 👍 to "Sale until Sunday. STOP to opt out"') == keywords.OTHER
    assert wish('Liked "Sale until Sunday", but please stop texting me') == keywords.PERHAPS_STOP


def test_a_very_long_or_strange_text_is_read_quickly() -> None:
    for text in ("stop " * 5000, "keine " * 5000, "\u0301" * 20_000, "\ud800 stop", "\x00stop\x00"):
        assert wish(text) in {"stop", "stop?", "other"}


def test_words_that_answer_a_reminder_are_no_opt_out() -> None:
    taken = keywords.whole("stop") | keywords.whole("start") | keywords.whole("help")

    assert taken.isdisjoint(
        map(fold, ["yes", "no", "ja", "nein", "oui", "non", "si", "ok", "c", "r", "m", "1", "2", "fine"])
    )


def test_every_language_has_words_and_the_list_says_where_it_is_from() -> None:
    table = keywords.table()

    assert len(table["stop"]) >= 8
    assert table["read"]
    assert len(table["sources"]) > 3
    assert all(entry["words"] and entry["wishes"] for entry in table["stop"].values())
