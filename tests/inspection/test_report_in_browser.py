"""The report in a browser: it asks nothing, and reads well small, in the dark, by keyboard."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from skmmgenre.compose import make_genre_classifier
from skmmgenre.inspection import report

pytestmark = pytest.mark.slow

GENRES = ["Rock", "Jazz", "Progressive Rock", "Hip Hop", "Electronic", "Singer-Songwriter"]
SIZES = {"phone": 400, "desk": 1400}

# Texts that are on the page: where each line of them lies, cut to what scrolls around it, the ratio
# of its contrast, and whether it is large.
TEXTS = r"""
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const parse = color => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data].map(v => v / 255);
};
const behind = element => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    const color = parse(getComputedStyle(at).backgroundColor);
    if (color[3] > 0) layers.push(color);
    if (color[3] === 1) break;
  }
  return layers.reverse().reduce((under, over) =>
    [0, 1, 2].map(k => over[k] * over[3] + under[k] * (1 - over[3])), [1, 1, 1]);
};
const light = color => {
  const [r, g, b] = color.map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode, parent = node.parentElement;
  if (!node.textContent.trim() || parent.closest("script, style, .skip, [hidden]")) continue;
  if (parent.closest("details:not([open])") && !parent.closest("summary")) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  const style = getComputedStyle(parent), box = parent.closest(".scroll");
  const frame = box ? box.getBoundingClientRect() : {left: -1e9, right: 1e9};
  const inSvg = parent.closest("svg");
  const ink = parse(inSvg ? style.fill : style.color).slice(0, 3);
  const [a, b] = [light(ink), light(behind(parent))];
  const size = parseFloat(style.fontSize);
  for (const part of range.getClientRects()) {
    const left = Math.max(part.left, frame.left), right = Math.min(part.right, frame.right);
    if (right - left < 1 || part.height < 1) continue;
    const drawn = inSvg ? inSvg.getBoundingClientRect() : part;
    const cut = part.left < drawn.left - 0.5 || part.right > drawn.right + 0.5;
    found.push({cut: cut, text: node.textContent.trim().slice(0, 40), left: left, right: right,
      top: part.top, bottom: part.bottom, ratio: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05),
      large: size >= 24 || (size >= 18.6 && style.fontWeight >= 700)});
  }
}
return found;
"""


@pytest.fixture(scope="module")
def browser():
    selenium = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    paths = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in paths:
        pytest.skip("needs Debian's chromium and chromium-driver")
    options = selenium.ChromeOptions()
    options.binary_location = paths[0]
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = selenium.chrome.service.Service(paths[1])
    driver = selenium.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory, albums, small_model):
    """A report with sound, covers, long names and markup in them."""
    names = dict(zip(sorted(set(albums.y)), GENRES, strict=False))
    y = np.array([names[genre] for genre in albums.y])
    artists = np.array([f"{name}, <script>alert(1)</script>" for name in albums.groups])
    train = np.isin(artists, sorted(set(artists))[::2])
    model = small_model().fit(albums.table[train], y[train], groups=artists[train])
    card = {
        "items": int(train.sum()),
        "items_by_genre": pd.Series(y[train]).value_counts().to_dict(),
    }
    path = tmp_path_factory.mktemp("report") / "report.html"
    report(
        model, albums.table, y, artists, path, seen_groups=artists[train], card=card,
        names=[f"album/{row}-A rather long name of an album without-a-break{'x' * 40}" for row in
               range(len(y))],
        media="clips", n_examples=3, n_resamples=50,
    )  # fmt: skip
    return path.as_uri()


@pytest.fixture(
    params=[(size, scheme) for size in SIZES for scheme in ("light", "dark")], ids="-".join
)
def opened(request, browser, page):
    size, scheme = request.param
    width = SIZES[size]
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": size == "phone"}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", features)
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(page)
    return browser


def test_nothing_is_asked_and_nothing_goes_wrong(opened):
    assert opened.get_log("browser") == []
    messages = [json.loads(line["message"])["message"] for line in opened.get_log("performance")]
    asked = [
        m["params"]["request"]["url"]
        for m in messages
        if m["method"] == "Network.requestWillBeSent"
    ]
    assert asked and all(url.startswith(("file:", "data:")) for url in asked)


def test_texts_are_apart_and_stand_out(opened):
    width = opened.execute_script("return document.documentElement.clientWidth")
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width
    texts = opened.execute_script(TEXTS)
    assert len(texts) > 200
    outside = [t["text"] for t in texts if t["left"] < 0 or t["right"] > width + 0.5]
    assert not outside
    assert not [t["text"] for t in texts if t["cut"]]
    texts.sort(key=lambda text: text["top"])
    over = []
    for place, one in enumerate(texts):
        for other in texts[place + 1 :]:
            if other["top"] >= one["bottom"]:
                break
            wide = min(one["right"], other["right"]) - max(one["left"], other["left"])
            tall = min(one["bottom"], other["bottom"]) - other["top"]
            if wide > 1.5 and tall > 4:  # lines of one paragraph are set closely
                over.append((one["text"], other["text"]))
    assert not over
    faint = {
        (t["text"], round(t["ratio"], 2)) for t in texts if t["ratio"] < (3 if t["large"] else 4.5)
    }
    assert not faint


def test_the_map_by_keyboard_and_pointer(opened):
    from selenium.webdriver import ActionChains, Keys

    box, tip = (opened.find_element("id", name) for name in ("map-box", "map-tip"))
    assert not tip.is_displayed()
    opened.execute_script("arguments[0].focus()", box)
    told = []
    for _ in range(3):
        ActionChains(opened).send_keys(Keys.ARROW_RIGHT).perform()
        told.append(tip.text)
    assert len(set(told)) == 3 and all("predicted:" in text for text in told)
    assert "<script>alert(1)</script>" in told[0]
    places = [element.rect for element in (box, tip)]
    assert places[1]["x"] >= places[0]["x"] - 1
    assert places[1]["x"] + places[1]["width"] <= places[0]["x"] + places[0]["width"] + 1
    ActionChains(opened).send_keys(Keys.ESCAPE).perform()
    assert not tip.is_displayed()
    circles = opened.find_elements("css selector", "#map-box circle.p")
    opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", box)
    ActionChains(opened).move_to_element(circles[0]).perform()
    assert tip.is_displayed() and tip.text
    button = opened.find_element("css selector", "#map-legend button")
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-pressed") == "true"
    dimmed = [c for c in circles if "dim" in c.get_attribute("class").split()]
    n_shown = int(button.text.rpartition("(")[2].rstrip(")"))
    assert len(circles) - len(dimmed) == n_shown > 0


def test_printed_it_is_light_and_whole(opened):
    opened.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    try:
        opened.execute_script("dispatchEvent(new Event('beforeprint'))")
        assert not opened.find_elements("css selector", "details:not([open])")
        texts = opened.execute_script(TEXTS)
        assert not [t["text"] for t in texts if t["ratio"] < (3 if t["large"] else 4.5)]
        background = "return getComputedStyle(document.body).backgroundColor"
        assert opened.execute_script(background) == "rgb(255, 255, 255)"
        assert not opened.find_element("css selector", "nav").is_displayed()
        opened.execute_script("dispatchEvent(new Event('afterprint'))")
        assert opened.find_elements("css selector", "details:not([open])")
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_two_thousand_items_are_below_five_megabytes(browser, tmp_path):
    """Vectors in place of sound and covers, 20 genres, long names; it opens in the browser."""
    rng = np.random.default_rng(0)
    n, genres = 2200, [f"Genre number {k}" for k in range(20)]
    y = rng.choice(genres, size=n)
    centres = {genre: rng.normal(size=32) for genre in genres}
    vectors = [centres[genre] + 2 * rng.normal(size=32) for genre in y]
    table = pd.DataFrame(
        {
            "audio": vectors,
            "text": [f"{genre} {' '.join(rng.choice(list('abcdefgh'), 12))}" for genre in y],
        }
    )
    artists = np.array(
        [f"An artist with a name of some length, number {row // 4}" for row in range(n)]
    )
    model = make_genre_classifier(
        audio_model="vectors",
        image=None,
        text__max_epochs=2,
        text__hidden_units=(16,),
        random_state=0,
    ).fit(table[:200], y[:200], groups=artists[:200])
    names = [f"The album of a long name, number {row}, deluxe edition" for row in range(2000)]
    path = tmp_path / "large.html"
    asked = table[200:], y[200:], artists[200:]
    report(model, *asked, path, names=names, seen_groups=artists[:200], n_resamples=100)
    assert 300_000 < path.stat().st_size < 5_000_000
    browser.get(path.as_uri())
    assert len(browser.find_elements("css selector", "#map-box circle.p")) == 2000
    assert browser.get_log("browser") == []
