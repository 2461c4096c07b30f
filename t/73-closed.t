# SPDX-License-Identifier: Apache-2.0
#
# A channel that is closed by DELETE is the end for EventSource: Chromium's and
# that of the npm package eventsource come back once, and then stop for good.
# The facts are in browser/closed.mjs.

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
is $httpd->stop, 0, 'httpd stops in good order';
done_testing;
