"""The page in a real browser: keys and mouse, sound, reloads, tabs, a server that is killed.

Needs selenium, Chromium and its driver: from the environment variables CHROMIUM and CHROMEDRIVER,
or on the path (Debian: apt-get install chromium chromium-driver).
"""

import base64
import json
import os
import shutil
import time

import httpx
import pandas as pd
import pytest
from blind_items import GENRES, SECRET, Server, items_of, write_items

webdriver = pytest.importorskip("selenium.webdriver", reason="needs pip install selenium")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
CHROMEDRIVER = os.environ.get("CHROMEDRIVER") or shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER),
        reason="needs Chromium and chromedriver (apt-get install chromium chromium-driver)",
    ),
]


class Browser:
    """A page of the server, as an expert uses it."""

    def __init__(self):
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
            options.add_argument(argument)
        options.add_argument("--window-size=1400,1000")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(executable_path=CHROMEDRIVER)
        self.driver = webdriver.Chrome(options=options, service=service)
        self._wait = WebDriverWait(self.driver, 20, poll_frequency=0.05)

    def __getitem__(self, name):
        return self.driver.find_element(By.ID, name)

    def until(self, condition):
        return self._wait.until(lambda _: condition())

    def open(self, address):
        self.driver.get(address)
        self.begin()

    def begin(self):
        self.until(lambda: self["begin"].is_displayed() and self["begin"].is_enabled())
        self.press(Keys.TAB, Keys.ENTER)  # from the heading on: no mouse
        self.ready()

    def ready(self):
        """Wait until the item can be answered."""
        self.until(lambda: self["skip"].is_enabled() and self["work"].is_displayed())

    def press(self, *keys):
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def title(self):
        return self["title"].text

    def number(self):
        """Of the shown item, from 1 on; 0 at the end."""
        return self.script("at + 1")

    def answer(self, key):
        """Press a key and wait for the next item; return the number of the answered one."""
        number = self.number()
        self.press(key)
        self.until(lambda: not self["work"].is_displayed() or self.number() != number)
        if self["work"].is_displayed():
            self.ready()
        return number

    def script(self, code):
        return self.driver.execute_script(f"return {code}")

    def received(self):
        """The content of all answers of the server, and their headers, since the last call."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] != "Network.responseReceived":
                continue
            response = message["params"]["response"]
            if not response["url"].startswith("http"):
                continue
            yield response["url"], json.dumps(response["headers"]).encode()
            request = {"requestId": message["params"]["requestId"]}
            body = self.driver.execute_cdp_cmd("Network.getResponseBody", request)
            content = body["body"].encode()
            if body["base64Encoded"]:
                content = base64.b64decode(content)
            # Of what the page takes as a blob the browser tells nothing: it is asked for again.
            yield response["url"], content or httpx.get(response["url"]).content

    def errors(self):
        return [entry for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture
def browser():
    browser = Browser()
    yield browser
    browser.driver.quit()


@pytest.fixture
def folder(tmp_path):
    write_items(tmp_path / "items", 16, duration=3.0)
    return tmp_path / "items"


def rows_in(folder):
    return pd.read_csv(folder / "annotations.csv", keep_default_na=False)


def shown_item(browser, folder):
    """Name of the shown item, as the server calls it."""
    return items_of(folder)[browser.script("items[at].id")]


def test_all_items_by_keys_alone(browser, folder):
    """Three modes, sound that plays, and nothing that tells the genre; all answers are there."""
    with Server(folder, "--items", "9") as server:
        browser.open(server.address)
        expected, modes, seen = [], set(), []
        for number in range(9):
            mode = browser.script("items[at].mode")
            modes.add(mode)
            assert browser["sound"].is_displayed() == (mode != "cover")
            assert browser["cover"].is_displayed() == (mode != "sound")
            if mode != "cover":
                browser.until(lambda: browser.script("document.querySelector('audio').currentTime"))
                assert browser.script("document.querySelector('audio').duration") == pytest.approx(
                    3.0, abs=0.2
                )
                assert not browser.script("document.querySelector('audio').muted")
            if mode != "sound":
                assert browser.script("document.querySelector('img').naturalWidth") == 800
            seen += browser.received()
            expected.append((shown_item(browser, folder), mode, GENRES[number % 4]))
            browser.answer("1234"[number % 4])
            assert len(rows_in(folder)) == number + 1  # on the disk before the next item
        assert not browser["work"].is_displayed()
        assert browser["start-title"].text == "All items are done"
        seen += browser.received()
        rows = rows_in(folder)
        assert list(rows[["item", "mode", "genre"]].itertuples(index=False, name=None)) == expected
        assert rows["seconds"].between(0, 60).all() and (rows["seconds"] > 0).any()
        assert modes == {"sound", "cover", "both"}
        assert not browser.errors()
    assert {url.startswith(server.address) for url, _ in seen} == {True}
    assert any(content.startswith(b"RIFF") for _, content in seen)
    assert any(content.startswith(b"\xff\xd8") for _, content in seen)
    for url, content in seen:
        assert not SECRET.search(content) and not SECRET.search(url.encode())
        assert b"artist" not in content


def test_skip_back_replay_stop_and_the_mouse(browser, folder):
    with Server(folder, "--items", "4", "--mode", "sound") as server:
        browser.open(server.address)
        first = shown_item(browser, folder)
        sound = "document.querySelector('audio')"
        browser.until(lambda: browser.script(f"{sound}.currentTime") > 0.3)
        browser.press(" ")
        assert browser.script(f"{sound}.paused")
        browser.press("r")
        browser.until(lambda: not browser.script(f"{sound}.paused"))
        assert browser.script(f"{sound}.currentTime") < 0.3
        assert browser.answer("s") == 1
        browser["genres"].find_elements(By.TAG_NAME, "button")[2].click()
        browser.until(lambda: browser.number() == 3)
        browser.ready()
        browser.press("b")
        browser.until(lambda: browser.number() == 2)
        browser.ready()
        pressed = browser.driver.find_element(By.CSS_SELECTOR, "[aria-pressed=true]")
        assert pressed.text.endswith("Rock") and browser["skip-text"].text == "Keep answer"
        second = shown_item(browser, folder)
        assert browser.answer("4") == 2 and browser.number() == 3  # changed
        browser.press("p")
        assert browser["start-title"].text == "Stopped"
        assert "2 of 4 items done, 1 of them skipped." in browser["about"].text
        browser.begin()
        assert browser.number() == 3
        browser.answer("1")
        browser.answer("1")
        browser.until(lambda: browser["review"].is_displayed())
        browser["review"].click()
        browser.ready()
        assert shown_item(browser, folder) == first
        browser.answer("2")
        assert browser["start-title"].text == "All items are done"
        rows = rows_in(folder)
        assert rows["item"].tolist()[:3] == [first, second, second]
        assert rows["genre"].tolist() == ["", "Rock", "Zydeco", "Jazz", "Jazz", "Rap"]
        assert rows["revision"].tolist() == [1, 1, 2, 1, 1, 2]
        assert not browser.errors()


def test_a_reload_in_the_middle_and_two_tabs(browser, folder):
    with Server(folder, "--items", "6", "--mode", "cover") as server:
        browser.open(server.address)
        browser.answer("1")
        time.sleep(1.2)
        browser.driver.refresh()
        browser.begin()
        assert browser.number() == 2  # and its time goes on
        browser.answer("2")
        assert rows_in(folder)["seconds"].iloc[-1] >= 1.0
        one = browser.driver.current_window_handle
        browser.driver.switch_to.new_window("window")
        two = browser.driver.current_window_handle
        browser.open(server.address)
        assert browser.number() == 3  # both show it
        browser.answer("3")
        browser.driver.switch_to.window(one)
        browser.script("document.dispatchEvent(new Event('visibilitychange'))")
        browser.until(lambda: browser.number() == 4)
        browser.ready()
        assert "another tab" in browser["status"].text
        # Both show the fourth; neither knows of the other.
        browser.driver.switch_to.window(two)
        assert browser.number() == 4
        browser.answer("1")
        browser.driver.switch_to.window(one)
        assert browser.script("items[3].revision") == 0
        browser.answer("2")
        assert browser.number() == 5
        assert "was not saved" in browser["status"].text
        browser.answer("1")
        browser.answer("1")
        rows = rows_in(folder)
        assert rows["genre"].tolist() == ["Jazz", "Rap", "Rock", "Jazz", "Jazz", "Jazz"]
        assert not rows["item"].duplicated().any()


def test_the_clock_is_paused_while_the_tab_is_hidden(browser, folder):
    with Server(folder, "--items", "3", "--mode", "cover") as server:
        browser.open(server.address)
        one = browser.driver.current_window_handle
        start = time.perf_counter()
        earlier = browser.script("elapsed()") / 1000
        browser.driver.switch_to.new_window("tab")
        time.sleep(2)
        browser.driver.switch_to.window(one)
        seconds = browser.script("elapsed()") / 1000
        assert seconds - earlier < time.perf_counter() - start - 1.9
        browser.until(lambda: browser.script("elapsed()") / 1000 > seconds + 0.2)  # it goes on
        browser.answer("1")
        assert rows_in(folder)["seconds"].iloc[0] > seconds + 0.1


def test_the_server_is_started_again_for_another_annotator(browser, folder):
    """Nothing of Ann is saved as Bob's, and her answer is sent when the server is hers again."""

    def restart(annotator):
        server.kill()
        server._options = (*server._options[:-1], annotator)  # the last option
        server.start()

    with Server(folder, "--items", "6", "--mode", "cover", "--annotator", "Ann") as server:
        browser.open(server.address)
        browser.answer("1")
        unsent = shown_item(browser, folder)
        restart("Bob")
        browser.press("2")
        browser.until(lambda: "another annotator, Bob" in browser["status"].text)
        assert "Reload the page" in browser["status"].text
        assert not browser["work"].is_displayed() and not browser["start"].is_displayed()
        assert rows_in(folder)["annotator"].tolist() == ["Ann"]
        browser.driver.refresh()
        browser.begin()
        assert browser.number() == 1 and shown_item(browser, folder) != unsent
        browser.answer("3")
        restart("Ann")
        browser.script("document.dispatchEvent(new Event('visibilitychange'))")
        browser.until(lambda: "another annotator, Ann" in browser["status"].text)
        browser.driver.refresh()
        browser.begin()
        assert browser.number() == 3
        rows = rows_in(folder)
        assert rows["annotator"].tolist() == ["Ann", "Bob", "Ann"]
        assert rows["genre"].tolist() == ["Jazz", "Rock", "Rap"]
        assert rows["item"].iloc[2] == unsent


def test_the_server_is_killed_and_started_again(browser, folder):
    """What was answered without it is saved once when it is back, even after a reload."""
    with Server(folder, "--items", "6", "--mode", "both") as server:
        browser.open(server.address)
        browser.answer("1")
        server.kill()
        browser.press("2")
        browser.until(lambda: "keeps your answer" in browser["status"].text)
        assert browser.number() == 2 and len(rows_in(folder)) == 1
        server.start()
        browser.until(lambda: browser.number() == 3)
        browser.ready()
        assert rows_in(folder)["genre"].tolist() == ["Jazz", "Rap"]
        server.kill()
        browser.press("3")
        browser.until(lambda: "keeps your answer" in browser["status"].text)
        server.start()
        browser.open(server.address)  # anew, with the answer in the tab
        assert browser.number() == 4
        for key in "412":
            browser.answer(key)
        rows = rows_in(folder)
        assert rows["genre"].tolist() == ["Jazz", "Rap", "Rock", "Zydeco", "Jazz", "Rap"]
        assert not rows["item"].duplicated().any()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_it_fits_and_can_be_read(browser, folder, width, scheme):
    driver = browser.driver
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == 400}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    with Server(folder, "--items", "3", "--mode", "both") as server:
        browser.open(server.address)
        assert browser.script("document.documentElement.scrollWidth") <= width
        light = browser.script("getComputedStyle(document.body).backgroundColor")
        assert (light == "rgb(255, 255, 255)") == (scheme == "light")
        boxes = [
            element.rect
            for element in driver.find_elements(By.CSS_SELECTOR, "button, audio, img, h1, legend")
            if element.is_displayed()
        ]
        for number, one in enumerate(boxes):
            assert one["width"] > 0 and one["x"] + one["width"] <= width
            for other in boxes[:number]:
                assert (
                    one["y"] >= other["y"] + other["height"] - 1
                    or other["y"] >= one["y"] + one["height"] - 1
                    or one["x"] >= other["x"] + other["width"] - 1
                    or other["x"] >= one["x"] + one["width"] - 1
                )
        # Everything that can be used has a name, as a screen reader needs it.
        tree = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        used = [node for node in tree if node["role"]["value"] in ("button", "image", "checkbox")]
        assert len(used) >= 9
        assert all(node["name"]["value"] for node in used)
        assert not browser.errors()
        if pictures := os.environ.get("SKMMGENRE_PICTURES"):
            driver.save_screenshot(os.path.join(pictures, f"annotate_{width}_{scheme}.png"))


def test_five_hundred_items(browser, tmp_path):
    write_items(tmp_path / "items", 600, n_files=8)
    folder = tmp_path / "items"
    with Server(folder, "--items", "500") as server:
        browser.open(server.address)
        assert browser.title().startswith("Item 1 of 500")
        for key in "1234" * 3:
            browser.answer(key)
        assert len(rows_in(folder)) == 12
