# SPDX-License-Identifier: Apache-2.0
#
# GRIP libraries publish to us unchanged, as to a proxy: the npm packages
# @fanoutio/grip and @fanoutio/eventstream. The checks are in
# browser/grip-publishers.mjs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Driver;
use Test::More;

Driver::need($_) for qw(eventsource @fanoutio/grip @fanoutio/eventstream);

my $httpd = Driver::demo_httpd();
Driver::run('grip-publishers.mjs', $httpd);
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
