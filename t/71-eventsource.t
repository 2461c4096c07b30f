# SPDX-License-Identifier: Apache-2.0
#
# The npm package eventsource receives what is published, in order and with ids,
# also after a reconnect. The checks are in browser/eventsource.mjs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Driver;
use Test::More;

Driver::need('eventsource');

my $httpd = Driver::demo_httpd();
Driver::run('eventsource.mjs', $httpd);
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
