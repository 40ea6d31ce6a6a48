"""Reports as one HTML file: self-contained, for a phone, for print, for the dark, for those who do not see.

plotly is loaded when a page is written, not before.
"""

from taut.report.html.comparison import comparison
from taut.report.html.model import model_page
from taut.report.html.path import path_page

__all__ = ["comparison", "model_page", "path_page"]
