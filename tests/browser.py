"""A real browser for staff's pages: a Chromium of this machine, which says aloud whatever it refuses to run."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

PATIENCE = 90_000
"""Milliseconds in which whatever is waited for has to come."""


def chromium() -> str:
    """Where it is: `HOLDFAST_CHROMIUM`, or on the PATH. Skips the test where there is none."""
    named = os.environ.get("HOLDFAST_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no Chromium here: install one, or name it in HOLDFAST_CHROMIUM")
    return found


@asynccontextmanager
async def opened() -> AsyncIterator[Browser]:
    """A browser without a window."""
    path = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"], timeout=PATIENCE
        )
        yield browser
        await browser.close()


async def tab(browser: Browser, complaints: list[str], **how: Any) -> Page:
    """A page of somebody's own; what it complains about is written into `complaints`."""
    context = await browser.new_context(**how)
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    page.set_default_navigation_timeout(PATIENCE)
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page
