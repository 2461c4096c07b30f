# SPDX-License-Identifier: Apache-2.0
package EventStream::Background;

=head1 NAME

EventStream::Background - work in another process while the test goes on

=head1 SYNOPSIS

    use EventStream::Background;    # exports all functions below

    my $answer = publish_in_background($httpd, 'news', 'hello');
    ...                             # while it waits
    is $answer->()->{status}, 200, 'publishing gets 200';

=head1 FUNCTIONS

=over

=item in_background(\&work)

Runs work in another process. Returns a function that waits for its end and
returns what it returned (data that JSON can hold), or undef if it died.

=item publish_in_background(@arguments)

EventStream::Client::publish with its arguments. The function that it returns
returns status, body and retry (the header Retry-After) of the answer.

=back

=cut

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use POSIX ();

use EventStream::Client;

our @EXPORT = qw(in_background publish_in_background);

sub in_background
{
    my ($work) = @_;
    pipe my $from, my $to or die "pipe: $!";
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        close $from;
        print {$to} JSON::PP::encode_json($work->());
        close $to;
        POSIX::_exit(0);
    }
    close $to;
    return sub {
        local $/;
        my $text = <$from>;
        waitpid $pid, 0;
        return $text ? JSON::PP::decode_json($text) : undef;
    };
}

sub publish_in_background
{
    my @arguments = @_;
    return in_background(sub {
        my $got = publish(@arguments, timeout => 30);
        return {
            status => $got->{status}, body => $got->{body},
            retry => $got->{headers}{'retry-after'}};
    });
}

1;
