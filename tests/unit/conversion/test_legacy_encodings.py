"""Which encoding of before Unicode a file is in, from a few lines of many languages."""

import pytest

from medical_data_pipeline.conversion.legacy_encodings import detect_legacy

TEXTS = {
    "Czech": "Jiří Dvořák,Plzeň,vysoký krevní tlak\nTomáš Novotný,České Budějovice,cukrovka\n",
    "Hungarian": "Kovács Jenő,Győr,magas vérnyomás\nSzűcs Ágnes,Pécs,cukorbetegség\n",
    "Polish": "Łucja Wiśniewska,Łódź\nWojciech Żółty,Gdańsk\nPaweł Kamiński,Częstochowa\n",
    "Croatian": "Željko Šimić,Zagreb,šećerna bolest\nĐurđa Kovačić,Split,povišen tlak\n",
    "Turkish": "Ayşe Yılmaz,İstanbul,yüksek tansiyon\nÇağrı Şahin,İzmir,şeker hastalığı\n",  # noqa: RUF001
    "Danish": "Søren Jørgensen,København,forhøjet blodtryk\nÅse Kjær,Århus,sukkersyge\n",
    "French": "Zoë,Genève,fièvre élevée\nFrançois,Besançon,ça va\nJürgen,Zürich,müde\n",
    "German": "Jürgen Müller,Düsseldorf,Bluthochdruck\nBärbel Weiß,Köln,Übelkeit\n",
    "Portuguese": "João Conceição,São Paulo,hipertensão\nInês Araújo,Évora,diabetes não controlada\n",
    "Icelandic": "Þórður Guðmundsson,Reykjavík,háþrýstingur\nÆgir Jónsson,Akureyri,sykursýki\n",
    "English": "“fine” – he’s 5 €\ndose…\nnaïve\nTylenol® 5 µg/L ±0.5 °C ½ tab\n",  # noqa: RUF001
    "one name": "Zoë\n",
    "many neighbours": "Zoë,Søren,Müller,Núñez,João,Åsa,Çelik,Émile\n",
    "Lithuanian": "Žydrūnas Šarūnas,Šiauliai\nRūta Žukauskaitė,Kaišiadorys,padidėjęs kraujospūdis\n",
    "Japanese": "番号,氏名,病名\n1,山田太郎,糖尿病です\n2,佐藤花子,こうけつあつ\n3,鈴木一郎,気管支ぜんそく\n",
    "Japanese without kana": "番号,氏名,病名\n1,山田太郎,糖尿病\n2,佐藤花子,高血圧症\n",
    "Japanese in half width": "番号,氏名\n1,山田太郎,ﾔﾏﾀﾞ ﾀﾛｳ\n2,佐藤花子,ｻﾄｳ ﾊﾅｺ\n",
    "Chinese": "编号,姓名,诊断\n1,王小明,高血压病三级\n2,李丽华,二型糖尿病\n3,张伟,慢性支气管炎\n",
    "Chinese names in English": "1001,王小明,Hypertension stage 2\n1002,李丽华,Type 2 diabetes mellitus\n",
    "Chinese of Taiwan": "編號,姓名,診斷\n1,王小明,高血壓\n2,陳美麗,第二型糖尿病\n3,林志強,慢性支氣管炎\n",
    "Korean": "번호,이름,진단\n1,김철수,고혈압 환자\n2,이영희,제이형 당뇨병\n3,박민수,만성 기관지염\n",
    "Russian": "номер,имя,диагноз\n1,Иван Петров,гипертоническая болезнь\n2,Анна Смирнова,сахарный диабет\n",
    "Russian names in English": "1001,Иван Петров,Hypertension\n1002,Анна Смирнова,Type 2 diabetes\n",
    "Greek": "αριθμός,όνομα\n1,Γιώργος Παπαδόπουλος,αρτηριακή υπέρταση\n2,Μαρία Νικολάου,διαβήτης\n",
    "Hebrew": "מספר,שם,אבחנה\n1,דוד כהן,יתר לחץ דם\n2,רחל לוי,סוכרת סוג שתיים\n",
    "Arabic": "رقم,اسم,تشخيص\n1,محمد علي,ارتفاع ضغط الدم\n2,فاطمة حسن,داء السكري\n",
    "Thai": "เลขที่,ชื่อ\n1,สมชาย ใจดี,ความดันโลหิตสูง\n2,สมหญิง รักไทย,เบาหวาน\n",
}
ENCODINGS = {
    "Czech": "cp1250 iso8859_2",
    "Hungarian": "cp1250 iso8859_2",
    "Polish": "cp1250 iso8859_2",
    "Croatian": "cp1250 iso8859_2",
    "Turkish": "cp1254 iso8859_9",
    "Danish": "cp1252 cp850 mac_roman",
    "French": "cp1252 cp850 cp437 mac_roman iso8859_15",
    "German": "cp1252 cp850 cp437 mac_roman",
    "Portuguese": "cp1252 cp850 mac_roman",
    "Lithuanian": "cp1257",
    "Japanese": "cp932 euc_jp",
    "Japanese without kana": "cp932 euc_jp",
    "Japanese in half width": "cp932",
    "Chinese": "gb18030",
    "Chinese names in English": "gb18030",
    "Chinese of Taiwan": "big5",
    "Korean": "euc_kr",
    "Russian": "cp1251 koi8_r iso8859_5 cp866",
    "Russian names in English": "cp1251",
    "Greek": "cp1253 iso8859_7",
    "Hebrew": "cp1255",
    "Arabic": "cp1256",
    "Thai": "cp874",
}


@pytest.mark.parametrize(
    ("language", "encoding"),
    [(language, each) for language in TEXTS for each in ENCODINGS.get(language, "cp1252").split()],
)
def test_a_text_of_a_language_is_read_as_it_was_written(language: str, encoding: str) -> None:
    text = TEXTS[language]

    found = detect_legacy(text.encode(encoding))

    assert text.encode(encoding).decode(found) == text
