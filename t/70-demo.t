# SPDX-License-Identifier: Apache-2.0
#
# The demo page in a real browser: what one page publishes is seen in another,
# also after the connection was cut and restored. The checks are in
# browser/demo.mjs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Driver;
use Test::More;

Driver::need('playwright-core', browser => 1);

my $httpd = Driver::demo_httpd();
Driver::run('demo.mjs', $httpd);
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
