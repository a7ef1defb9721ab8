import pytest
from tests.browser.test_look import *
from tests.browser.conftest import *
from tests.conftest import photo
@pytest.mark.parametrize("n", range(12))
def test_f(open_page, site, photo, n):
    page = open_page()
    show(page, site, "unsure", photo)
    js="""[innerWidth,document.documentElement.scrollWidth,document.documentElement.clientWidth,[...document.querySelectorAll('main *')].filter(e=>e.getBoundingClientRect().right>innerWidth+1).slice(0,5).map(e=>e.outerHTML.slice(0,90))]"""
    page.set_viewport_size({"width": 320, "height": 640}); print(page.evaluate(js))
    page.set_viewport_size({"width": 1280, "height": 800})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    print(page.evaluate(js)); page.wait_for_timeout(300); print(page.evaluate(js))
