from sgae.reporting.contents import MethodReport

REPORT = MethodReport("")
