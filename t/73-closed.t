# SPDX-License-Identifier: Apache-2.0
#
# A channel that is closed by DELETE ends an EventSource: Chromium's and that of
# the npm package eventsource reconnect once and then stop for good. The checks
# are in browser/closed.mjs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Driver;
use Test::More;

Driver::need('eventsource');
Driver::need('playwright-core', browser => 1);

my $httpd = Driver::demo_httpd();
Driver::run('closed.mjs', $httpd);
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
